//! The commands: their arguments, what they refuse, and what they set going.

use std::time::Duration;

use super::{
    Eigencomm, Reply, Surroundings, completion,
    config::{Config, KEYS},
};
use crate::{
    modem::{
        answer::Answer,
        cme::Cme,
        command::{Args, Form},
        data::{DataEnd, Purpose},
        link::{Connection, Link, Publish, decode_hex, quoted_payload, up_to_nul},
        options::Step,
    },
    mqtt::{ConnectOptions, QoS, TopicFilter, is_topic_name},
};

impl Eigencomm {
    pub(super) fn command(
        &mut self,
        now: Duration,
        name: &str,
        form: Form<'_>,
        around: &Surroundings<'_>,
    ) -> Option<Reply> {
        let reply = match (name, form) {
            ("+ECMTCFG", Form::Test) => Ok(Answer::Lines(KEYS.iter().map(|key| format!("+ECMTCFG: {key}")).collect())),
            (
                "+ECMTOPEN" | "+ECMTCLOSE" | "+ECMTCONN" | "+ECMTDISC" | "+ECMTSUB" | "+ECMTUNS" | "+ECMTPUB",
                Form::Test,
            ) => Ok(Answer::ok()),
            ("+ECMTCFG", Form::Set(args)) => self.configure(args, around),
            ("+ECMTOPEN", Form::Read) => Ok(self.addresses()),
            ("+ECMTOPEN", Form::Set(args)) => self.open(now, args, around),
            ("+ECMTCLOSE", Form::Set(args)) => self.close(args, around),
            ("+ECMTCONN", Form::Read) => Ok(self.states()),
            ("+ECMTCONN", Form::Set(args)) => self.connect(now, args, around),
            ("+ECMTDISC", Form::Set(args)) => self.disconnect(now, args, around),
            ("+ECMTSUB", Form::Set(args)) => self.subscribe(now, Step::Subscribe, args, around),
            ("+ECMTUNS", Form::Set(args)) => self.subscribe(now, Step::Unsubscribe, args, around),
            ("+ECMTPUB", Form::Set(args)) => self.publish(now, args, around),
            (name, _) if name.starts_with("+ECMT") => Err(Cme::NotAllowed),
            _ => return None,
        };
        Some(reply.map_err(|error| if error == Cme::IncorrectParameters { Cme::NotAllowed } else { error }))
    }

    /// `AT+ECMTCFG="<key>",<id>[,<values>]`
    fn configure(&mut self, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let key = String::from_utf8_lossy(args.text()?).into_owned();
        let connection = self.connection(&mut args, around)?;
        if !args.is_empty() {
            connection.config.write(&key, args, around.options)?;
            return Ok(Answer::ok());
        }
        let values = connection.config.values(&key).filter(|_| connection.config.exists).ok_or(Cme::NotAllowed)?;
        Ok(Answer::line(format!("+ECMTCFG: \"{key}\",{},{values}", connection.id)))
    }

    /// `AT+ECMTOPEN?` → `+ECMTOPEN:<id>,"<host>",<port>`, without a blank
    fn addresses(&self) -> Answer {
        let address = |connection: &Connection<Config>| {
            let (host, port) = connection.config.address.as_ref()?;
            Some(format!("+ECMTOPEN:{},\"{host}\",{port}", connection.id))
        };
        Answer::Lines(self.links.all().filter_map(address).collect())
    }

    /// `AT+ECMTOPEN=<id>,"<host>",<port>` → `+ECMTOPEN: <id>,<0|-1>`; on an open link OK, and nothing more
    fn open(&mut self, now: Duration, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let limit = around.options.model.host;
        let connection = self.connection(&mut args, around)?;
        let host = args.string(limit)?;
        let port = args.number(1..=u16::MAX)?;
        args.end()?;
        if host.is_empty() || !around.packet_data {
            return Err(Cme::NotAllowed);
        }
        if !matches!(connection.link, Link::Closed | Link::Lost) {
            return Ok(Answer::ok());
        }
        let of = completion(connection.id, Step::Open, 0);
        connection.config.exists = true;
        // Nothing but plain TCP is spoken here.
        if connection.config.tls {
            self.open_failed(of, around);
            return Ok(around.answer(of));
        }
        connection.config.address = Some((host.clone(), port));
        let options = around.options;
        let first = if std::mem::take(&mut self.is_first_open) { options.vendor.first_open } else { Duration::ZERO };
        self.links.dial(now, of, host, port, options.latency.open.saturating_add(first));
        Ok(around.answer(of))
    }

    /// `AT+ECMTCLOSE=<id>` → `+ECMTCLOSE: <id>,0`
    fn close(&mut self, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let connection = self.connection(&mut args, around)?;
        args.end()?;
        if !connection.config.exists || around.holds_on_to(connection) {
            return Err(Cme::NotAllowed);
        }
        let id = connection.id;
        self.links.abandon(id);
        Ok(self.gone(id, Step::Close, around))
    }

    /// `AT+ECMTCONN=<id>[,"<clientid>"[,"<user>"[,"<pass>"]]]` → `+ECMTCONN: <id>,<result>[,<ret_code>]`
    fn connect(&mut self, now: Duration, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let model = &around.options.model;
        let connection = self.connection(&mut args, around)?;
        let client_id = args.optional_string(model.client_id)?.unwrap_or_default();
        let username = args.optional_string(model.username)?;
        let password = args.optional_string(model.password)?.map(String::into_bytes);
        args.end()?;
        let config = &connection.config;
        // The client speaks MQTT 3.1.1 only.
        if !matches!(connection.link, Link::Open { .. }) || config.version != 4 {
            return Err(Cme::NotAllowed);
        }
        let options = ConnectOptions {
            client_id,
            username,
            password,
            keep_alive: config.keep_alive,
            clean_session: config.clean_session,
            will: config.will.clone(),
        };
        let of = completion(connection.id, Step::Connect, 0);
        if !self.links.connect(now, of, options.clone()) {
            return Err(Cme::NotAllowed);
        }
        self.links.of(of.connection).config.signed_in = Some(options);
        Ok(around.answer(of))
    }

    /// `AT+ECMTCONN?` → `+ECMTCONN: <id>,<1 initialising|2 connecting|3 connected>`, a line for each connection in use
    fn states(&self) -> Answer {
        let state = |connection: &Connection<Config>| {
            let state = match connection.link {
                Link::Session { accepted: true, .. } => 3,
                Link::Session { accepted: false, .. } => 2,
                _ if connection.config.tries_left.is_some() => 2,
                Link::Closed => return None,
                _ => 1,
            };
            Some(format!("+ECMTCONN: {},{state}", connection.id))
        };
        Answer::Lines(self.links.all().filter_map(state).collect())
    }

    /// `AT+ECMTDISC=<id>` → `+ECMTDISC: <id>,0`. It also ends a reconnect.
    fn disconnect(&mut self, now: Duration, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let connection = self.connection(&mut args, around)?;
        args.end()?;
        let id = connection.id;
        let reconnecting = connection.config.tries_left.is_some();
        if !self.links.disconnect(now, id) {
            if !reconnecting {
                return Err(Cme::NotAllowed);
            }
            self.links.abandon(id);
        }
        Ok(self.gone(id, Step::Disconnect, around))
    }

    /// The link was hung up because the host wanted it so.
    fn gone(&mut self, id: u8, step: Step, around: &Surroundings<'_>) -> Answer {
        let of = completion(id, step, 0);
        self.links.of(id).forget(around.options);
        self.links.complete(of, Some(format!("{}: {id},0", of.name)));
        around.answer(of)
    }

    /// `AT+ECMTSUB=<id>,<msgid>,"<topic>",<qos>` → `+ECMTSUB: <id>,<msgid>,<result>[,<value>]`, and ECMTUNS without `<qos>`
    fn subscribe(&mut self, now: Duration, step: Step, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let limit = around.options.model.topic;
        let connection = self.connection(&mut args, around)?;
        let message = args.number(1..=u16::MAX)?;
        let topic = args.string(limit)?;
        let level = if step == Step::Subscribe { args.number(0..=2)? } else { 0 };
        args.end()?;
        connection.client().ok_or(Cme::NotAllowed)?;
        let of = completion(connection.id, step, message);
        let qos = QoS::from_level(level).ok_or(Cme::NotAllowed)?;
        if TopicFilter::parse(&topic).is_none() {
            return Err(Cme::NotAllowed);
        }
        if !self.links.subscribe(now, of, &[(topic.into_bytes(), qos)], limit) {
            self.acknowledge(of, "2");
        }
        Ok(around.answer(of))
    }

    /// `AT+ECMTPUB=<id>,<msgid>,<qos>,<retain>,"<topic>"[,"<payload>"]` → `+ECMTPUB: <id>,<msgid>,<result>`
    ///
    /// The tens of `<retain>` are the release assistance indication. There is no length: a payload in the line is taken as a C string,
    /// and one after the prompt ends with Ctrl-Z.
    fn publish(&mut self, now: Duration, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let model = &around.options.model;
        let connection = self.connection(&mut args, around)?;
        let message = args.number(0..=u16::MAX)?;
        let qos = QoS::from_level(args.number(0..=2)?).ok_or(Cme::NotAllowed)?;
        let retain = match args.number(0..=21_u8)? {
            0 | 10 | 20 => false,
            1 | 11 | 21 => true,
            _ => return Err(Cme::NotAllowed),
        };
        let topic = args.string(model.topic)?;
        connection.client().ok_or(Cme::NotAllowed)?;
        if !model.publish_id.allows(message, qos.level()) || !is_topic_name(&topic) {
            return Err(Cme::NotAllowed);
        }
        let of = completion(connection.id, Step::Publish, message);
        let publish = Publish { of, qos, retain, topic: topic.into_bytes() };
        if args.is_empty() {
            let limit = model.prompt_payload.ok_or(Cme::NotAllowed)?;
            return Ok(Answer::Prompt {
                entry: DataEnd::CtrlZ { kept: limit + 1 }.into(),
                then: Purpose::Publish(publish),
            });
        }
        let payload = up_to_nul(quoted_payload(args.tail()?)?);
        if payload.len() > model.inline_payload {
            return Err(Cme::NotAllowed);
        }
        self.publish_payload(now, &publish, payload, around)
    }

    pub(super) fn publish_payload(
        &mut self,
        now: Duration,
        publish: &Publish,
        payload: &[u8],
        around: &Surroundings<'_>,
    ) -> Reply {
        let model = &around.options.model;
        let connection = self.links.of(publish.of.connection);
        connection.client().ok_or(Cme::NotAllowed)?;
        if payload.len() > model.inline_payload.max(model.prompt_payload.unwrap_or(0)) {
            return Err(Cme::NotAllowed);
        }
        let decoded = match connection.config.sends_hex {
            true => decode_hex(payload).ok_or(Cme::NotAllowed)?,
            false => payload.to_vec(),
        };
        if !self.links.publish(now, publish, &decoded, model.topic) {
            self.acknowledge(publish.of, "2");
        }
        Ok(around.answer(publish.of))
    }

    /// The connection that the next argument names.
    fn connection(&mut self, args: &mut Args<'_>, around: &Surroundings<'_>) -> Result<&mut Connection<Config>, Cme> {
        let id = args.number(around.options.model.connections.range())?;
        Ok(self.links.of(id))
    }
}
