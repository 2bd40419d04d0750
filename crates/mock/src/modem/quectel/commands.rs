//! The commands: their arguments, what they refuse, and what they set going.

use std::time::Duration;

use super::{
    OpenFault, Quectel, Reply, SLOTS, Surroundings, completion,
    config::{Config, keys},
    publish::{self, Source},
};
use crate::{
    modem::{
        aliyun,
        answer::Answer,
        cme::Cme,
        command::{Args, Form},
        data::Purpose,
        dialect::QmtKind,
        link::{Connection, Link, Publish, decode_hex},
        options::Step,
    },
    mqtt::{ConnectOptions, QoS},
};

impl Quectel {
    pub(super) fn command(
        &mut self,
        now: Duration,
        name: &str,
        form: Form<'_>,
        around: &Surroundings<'_>,
    ) -> Option<Reply> {
        let is_nb = self.kind == QmtKind::Nb;
        if name == "+QSSLCFG" {
            return Some(self.tls_command(form, around));
        }
        if let Some(reply) = (!is_nb).then(|| self.file_command(name, form)).flatten() {
            return Some(reply);
        }
        let reply = match (name, form) {
            ("+QMTPUBEX" | "+QMTRECV", _) if is_nb => Err(Cme::NotSupported),
            ("+QMTCFG", Form::Test) => {
                let line = |(key, values)| format!("+QMTCFG: \"{key}\",{},{values}", self.id_range(around));
                Ok(Answer::Lines(keys(self.kind).into_iter().map(line).collect()))
            }
            (
                "+QMTOPEN" | "+QMTCLOSE" | "+QMTCONN" | "+QMTDISC" | "+QMTSUB" | "+QMTUNS" | "+QMTPUB" | "+QMTPUBEX"
                | "+QMTRECV",
                Form::Test,
            ) => Ok(Answer::ok()),
            ("+QMTCFG", Form::Set(args)) => self.configure(args, around),
            ("+QMTOPEN", Form::Read) => Ok(self.addresses()),
            ("+QMTOPEN", Form::Set(args)) => self.open(now, args, around),
            ("+QMTCLOSE", Form::Set(args)) => self.close(args, around),
            ("+QMTCONN", Form::Read) => Ok(self.states()),
            ("+QMTCONN", Form::Set(args)) => self.connect(now, args, around),
            ("+QMTDISC", Form::Set(args)) => self.disconnect(now, args, around),
            ("+QMTSUB", Form::Set(args)) => self.subscribe(now, Step::Subscribe, args, around),
            ("+QMTUNS", Form::Set(args)) => self.subscribe(now, Step::Unsubscribe, args, around),
            ("+QMTPUB", Form::Set(args)) => self.publish(now, false, args, around),
            ("+QMTPUBEX", Form::Set(args)) => self.publish(now, true, args, around),
            ("+QMTRECV", Form::Read) => Ok(self.slots(around)),
            ("+QMTRECV", Form::Set(args)) => self.read(args, around),
            (name, _) if name.starts_with("+QMT") => Err(Cme::NotSupported),
            _ => return None,
        };
        Some(reply.map_err(|error| match error {
            Cme::IncorrectParameters if is_nb => Cme::MqttParameter,
            error => error,
        }))
    }

    fn id_range(&self, around: &Surroundings<'_>) -> String {
        let ids = around.options.model.connections;
        format!("({}-{})", ids.first, ids.last)
    }

    /// `AT+QMTCFG="<key>",<id>[,<values>]`; NB modules answer with the values alone
    fn configure(&mut self, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let kind = self.kind;
        let key = args.string(20)?;
        let connection = self.connection(&mut args, around)?;
        if !keys(kind).iter().any(|(known, _)| *known == key) {
            return Err(Cme::IncorrectParameters);
        }
        if !args.is_empty() {
            let opened = !connection.is_closed();
            connection.config.write(&key, opened, args, around.options)?;
            return Ok(Answer::ok());
        }
        let values = connection.config.values(&key).ok_or(Cme::IncorrectParameters)?;
        Ok(Answer::line(match kind {
            QmtKind::Nb => format!("+QMTCFG: {values}"),
            _ => format!("+QMTCFG: \"{key}\",{values}"),
        }))
    }

    /// `AT+QMTOPEN?` → `+QMTOPEN: <id>,"<host>",<port>`, a line for each open client
    fn addresses(&self) -> Answer {
        let address = |connection: &Connection<Config>| {
            let (host, port) = connection.config.address.as_ref().filter(|_| !connection.is_closed())?;
            Some(format!("+QMTOPEN: {},\"{host}\",{port}", connection.id))
        };
        Answer::Lines(self.links.all().filter_map(address).collect())
    }

    /// `AT+QMTOPEN=<id>,"<host>",<port>` → `+QMTOPEN: <id>,<result>`
    fn open(&mut self, now: Duration, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let limit = around.options.model.host;
        let connection = self.connection(&mut args, around)?;
        let host = String::from_utf8(args.quoted()?.to_vec()).ok();
        let port = args.number(0..=u32::MAX)?;
        args.end()?;
        let host = host.filter(|host| !host.is_empty() && host.len() <= limit);
        let port = u16::try_from(port).ok().filter(|&port| port != 0);
        let of = completion(connection.id, Step::Open, 0);
        let fault = match (host, port) {
            _ if !connection.is_closed() => OpenFault::IdInUse,
            (None, _) | (_, None) => OpenFault::Parameter,
            _ if !around.packet_data => OpenFault::PacketNetwork,
            (Some(host), Some(port)) => {
                connection.config.address = Some((host.clone(), port));
                let latency = around.options.latency.open;
                match connection.config.tls_context() {
                    None => self.links.dial(now, of, host, port, latency),
                    Some(context) => {
                        let context = &self.contexts[context];
                        let tls = (&context.settings(&self.files, around.clock), context.limit());
                        self.links.dial_secured(now, of, (host, port), latency, tls);
                    }
                }
                return Ok(around.answer(of));
            }
        };
        self.open_failed(of, fault);
        Ok(around.answer(of))
    }

    /// `AT+QMTCLOSE=<id>` → `+QMTCLOSE: <id>,<0|-1>`
    fn close(&mut self, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let connection = self.connection(&mut args, around)?;
        args.end()?;
        let (id, was_open) = (connection.id, !connection.is_closed());
        if around.holds_on_to(connection) {
            let of = completion(id, Step::Close, 0);
            self.links.complete(of, Some(format!("+QMTCLOSE: {id},-1")));
            return Ok(around.answer(of));
        }
        self.links.abandon(id);
        Ok(self.ended(id, Step::Close, was_open, around))
    }

    /// `AT+QMTDISC=<id>` → `+QMTDISC: <id>,<0|-1>`; the network link goes too
    fn disconnect(&mut self, now: Duration, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let id = self.connection(&mut args, around)?.id;
        args.end()?;
        if !self.links.disconnect(now, id) {
            let of = completion(id, Step::Disconnect, 0);
            self.links.complete(of, Some(format!("+QMTDISC: {id},-1")));
            return Ok(around.answer(of));
        }
        let answer = self.ended(id, Step::Disconnect, true, around);
        if around.options.vendor.disconnect_status {
            self.links.line(format!("+QMTSTAT: {id},5"));
        }
        Ok(answer)
    }

    /// The link was hung up because the host wanted it so.
    fn ended(&mut self, id: u8, step: Step, was_there: bool, around: &Surroundings<'_>) -> Answer {
        let of = completion(id, step, 0);
        self.links.of(id).close();
        self.links.complete(of, Some(format!("{}: {id},{}", of.name, if was_there { 0 } else { -1 })));
        around.answer(of)
    }

    /// `AT+QMTCONN=<id>,"<clientid>"[,"<user>"[,"<pass>"]]` → `+QMTCONN: <id>,<result>[,<ret_code>]`
    fn connect(&mut self, now: Duration, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let model = &around.options.model;
        let connection = self.connection(&mut args, around)?;
        let client_id = args.string(model.client_id)?;
        let username = args.optional_string(model.username)?;
        let password = args.optional_string(model.password)?.map(String::into_bytes);
        args.end()?;
        let config = &connection.config;
        let options = ConnectOptions {
            client_id,
            username,
            password,
            keep_alive: config.keep_alive,
            clean_session: config.clean_session,
            will: config.will.clone(),
        };
        let options = match config.triple.as_ref().filter(|_| options.username.is_none()) {
            Some(triple) => aliyun::sign(options, triple),
            None => options,
        };
        let of = completion(connection.id, Step::Connect, 0);
        match self.links.connect(now, of, options) {
            true => Ok(around.answer(of)),
            false => Err(Cme::NotAllowed),
        }
    }

    /// `AT+QMTCONN?` → `+QMTCONN: <id>,<1 initialising|2 connecting|3 connected>`, a line for each client in use
    fn states(&self) -> Answer {
        let state = |connection: &Connection<Config>| {
            let state = match connection.link {
                Link::Closed | Link::Resting { .. } | Link::Lost => return None,
                Link::Opening { .. } | Link::Open { .. } => 1,
                Link::Session { accepted: false, .. } => 2,
                Link::Session { accepted: true, .. } => 3,
            };
            Some(format!("+QMTCONN: {},{state}", connection.id))
        };
        Answer::Lines(self.links.all().filter_map(state).collect())
    }

    /// `AT+QMTSUB=<id>,<msgid>,"<topic>",<qos>[,…]` → `+QMTSUB: <id>,<msgid>,<result>[,<value>…]`, and QMTUNS without `<qos>`
    fn subscribe(&mut self, now: Duration, step: Step, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let model = &around.options.model;
        let connection = self.connection(&mut args, around)?;
        let message = args.number(model.subscribe_id_min..=u16::MAX)?;
        let mut topics = Vec::new();
        while topics.is_empty() || !args.is_empty() {
            let topic = args.string(model.topic)?.into_bytes();
            let level = if step == Step::Subscribe { args.number(0..=2)? } else { 0 };
            topics.push((topic, QoS::from_level(level).ok_or(Cme::IncorrectParameters)?));
        }
        connection.client().ok_or(Cme::NotAllowed)?;
        if topics.len() > model.topics_per_command {
            return Err(Cme::IncorrectParameters);
        }
        let of = completion(connection.id, step, message);
        if !self.links.subscribe(now, of, &topics, model.topic) {
            self.acknowledge(of, "2");
        }
        Ok(around.answer(of))
    }

    /// → `+QMTPUB: <id>,<msgid>,<result>[,<value>]`, or `+QMTPUBEX: …`
    fn publish(&mut self, now: Duration, extended: bool, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let kind = self.kind;
        let window = around.options.model.in_flight.unwrap_or(usize::MAX);
        let connection = self.connection(&mut args, around)?;
        let (publish, source) =
            publish::parse(connection.id, kind, extended, args, &connection.config, around.options)?;
        connection.client().ok_or(Cme::NotAllowed)?;
        if connection.publishes() >= window {
            return Err(Cme::NotAllowed);
        }
        match source {
            Source::Inline(payload) => self.publish_payload(now, &publish, payload, around),
            Source::Prompt(entry) => Ok(Answer::Prompt { entry, then: Purpose::Publish(publish) }),
        }
    }

    pub(super) fn publish_payload(
        &mut self,
        now: Duration,
        publish: &Publish,
        payload: Vec<u8>,
        around: &Surroundings<'_>,
    ) -> Reply {
        let is_nb = self.kind == QmtKind::Nb;
        let connection = self.links.of(publish.of.connection);
        connection.client().ok_or(Cme::NotAllowed)?;
        let payload = match connection.config.sends_hex {
            true => decode_hex(&payload).ok_or(if is_nb { Cme::MqttParameter } else { Cme::IncorrectParameters })?,
            false => payload,
        };
        if !self.links.publish(now, publish, &payload, around.options.model.topic) {
            self.acknowledge(publish.of, "2");
        }
        Ok(around.answer(publish.of))
    }

    /// `AT+QMTRECV?` → `+QMTRECV: <id>,<0|1>,<0|1>,<0|1>,<0|1>,<0|1>`: which slots hold something, a line for each client
    fn slots(&self, around: &Surroundings<'_>) -> Answer {
        let ids = around.options.model.connections.range();
        let line = |connection: &Connection<Config>| {
            let taken = |slot| connection.config.stored.iter().any(|(taken, _)| *taken == slot);
            let flags = (0..SLOTS).map(|slot| format!(",{}", u8::from(taken(slot))));
            format!("+QMTRECV: {}{}", connection.id, flags.collect::<String>())
        };
        Answer::Lines(self.links.all().filter(|connection| ids.contains(&connection.id)).map(line).collect())
    }

    /// `AT+QMTRECV=<id>[,<slot>]` → the downlink, and its slot is free again
    fn read(&mut self, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let connection = self.connection(&mut args, around)?;
        let slot = if args.is_empty() { None } else { Some(usize::from(args.number(0..=4_u8)?)) };
        args.end()?;
        let stored = &mut connection.config.stored;
        let index = stored.iter().position(|(taken, _)| slot.is_none_or(|slot| slot == *taken));
        let (_, downlink) = index.map(|index| stored.remove(index)).ok_or(Cme::NotAllowed)?;
        Ok(Answer::Raw(connection.config.printed(connection.id, &downlink, around.options.vendor.bare_payload)))
    }

    /// The connection that the next argument names.
    fn connection(&mut self, args: &mut Args<'_>, around: &Surroundings<'_>) -> Result<&mut Connection<Config>, Cme> {
        let id = args.number(around.options.model.connections.range())?;
        Ok(self.links.of(id))
    }
}
