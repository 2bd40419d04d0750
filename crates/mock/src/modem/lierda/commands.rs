//! The commands: their arguments, what they refuse, and what they set going.

use std::time::Duration;

use super::{
    Lierda, OpenFault, Reply, Surroundings, completion,
    config::Config,
    publish::{self, Source},
};
use crate::{
    modem::{
        aliyun,
        answer::Answer,
        cme::Cme,
        command::{Args, Form},
        data::{DataEnd, Purpose},
        link::{Connection, Link, Publish},
        options::Step,
    },
    mqtt::{ConnectOptions, QoS},
};

impl Lierda {
    /// A command of this set; `None`: it is not one.
    pub(super) fn command(
        &mut self,
        now: Duration,
        name: &str,
        form: Form<'_>,
        around: &Surroundings<'_>,
    ) -> Option<Reply> {
        let reply = match (name, form) {
            (
                "+LMQTTCFG" | "+LMQTTOPEN" | "+LMQTTCLOSE" | "+LMQTTCONN" | "+LMQTTDISC" | "+LMQTTSUBUNSUB"
                | "+LMQTTPUB" | "+LMQTTPUBEX" | "+LMQTTREAD",
                Form::Test,
            ) => Ok(Answer::ok()),
            ("+LMQTTCFG", Form::Set(args)) => self.configure(args, around),
            ("+LMQTTOPEN", Form::Set(args)) => self.open(now, args, around),
            ("+LMQTTCLOSE", Form::Set(args)) => self.close(args, around),
            ("+LMQTTCONN", Form::Read) => Ok(self.states()),
            ("+LMQTTCONN", Form::Set(args)) => self.connect(now, args, around),
            ("+LMQTTDISC", Form::Set(args)) => self.disconnect(now, args, around),
            ("+LMQTTSUBUNSUB", Form::Set(args)) => self.subscribe(now, args, around),
            ("+LMQTTPUB", Form::Set(args)) => self.publish(now, args, around),
            // They exist, but with what arguments is not known.
            ("+LMQTTPUBEX" | "+LMQTTREAD", _) => Err(Cme::NotSupported),
            (name, _) if name.starts_with("+LMQTT") => Err(Cme::NotAllowed),
            _ => return None,
        };
        Some(reply.map_err(|error| if error == Cme::IncorrectParameters { Cme::NotAllowed } else { error }))
    }

    /// `AT+LMQTTCFG="<key>",<id>[,<values>]`; the manual's syntax lines also have the key without quotes.
    fn configure(&mut self, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let key = String::from_utf8_lossy(args.text()?).into_owned();
        let connection = self.connection(&mut args, around)?;
        let opened = !connection.is_closed();
        connection.config.key(&key, connection.id, opened, args, around)
    }

    /// `AT+LMQTTOPEN=<id>,"<host>",<port>` → `+LMQTTOPEN: <id>,<0|-1>[,<extend>]`
    fn open(&mut self, now: Duration, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let id = self.connection(&mut args, around)?.id;
        let host = args.quoted()?.to_vec();
        let port = args.number(0..=u32::MAX)?;
        args.end()?;
        let model = &around.options.model;
        let host = String::from_utf8(host).ok().filter(|host| !host.is_empty() && host.len() <= model.host);
        let port = u16::try_from(port).ok().filter(|&port| port != 0);
        let of = completion(id, Step::Open, 0, around.options);
        let connection = self.links.of(id);
        let fault = match (host, port) {
            _ if !connection.is_closed() => OpenFault::IdInUse,
            (None, _) | (_, None) => OpenFault::Parameter,
            _ if !around.packet_data => OpenFault::PacketNetwork,
            // Nothing but plain TCP is spoken here.
            _ if connection.config.tls => OpenFault::Network,
            (Some(host), Some(port)) => {
                self.links.dial(now, of, host, port, around.options.latency.open);
                return Ok(around.answer(of));
            }
        };
        self.open_failed(of, fault, around);
        Ok(around.answer(of))
    }

    /// `AT+LMQTTCLOSE=<id>` → `+LMQTTCLOSE: <id>,0`
    fn close(&mut self, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let connection = self.connection(&mut args, around)?;
        args.end()?;
        if connection.is_closed() || around.holds_on_to(connection) {
            return Err(Cme::NotAllowed);
        }
        let id = connection.id;
        self.links.abandon(id);
        Ok(self.gone(id, Step::Close, around))
    }

    /// `AT+LMQTTCONN=<id>[,"<clientid>"[,"<user>"[,"<pass>"]]]` → `+LMQTTCONN: <id>,<result>[,<ret_code>]`
    fn connect(&mut self, now: Duration, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let model = &around.options.model;
        let connection = self.connection(&mut args, around)?;
        let client_id = args.optional_string(model.client_id)?.unwrap_or_default();
        let username = args.optional_string(model.username)?;
        let password = args.optional_string(model.password)?.map(String::into_bytes);
        args.end()?;
        if !matches!(connection.link, Link::Open { .. }) {
            return Err(Cme::NotAllowed);
        }
        let id = connection.id;
        let of = completion(id, Step::Connect, 0, around.options);
        let config = &connection.config;
        if config.version != 4 {
            self.links.complete(of, Some(format!("+LMQTTCONN: {id},0,1")));
            return Ok(around.answer(of));
        }
        let options = ConnectOptions {
            client_id,
            username,
            password,
            keep_alive: config.keep_alive,
            clean_session: config.clean_session,
            will: config.will.clone(),
        };
        let options = match config.signs_in().filter(|_| options.username.is_none()) {
            Some(triple) => aliyun::sign(options, triple),
            None => options,
        };
        if !self.links.connect(now, of, options) {
            self.links.complete(of, Some(format!("+LMQTTCONN: {id},2,7")));
        }
        Ok(around.answer(of))
    }

    /// `AT+LMQTTCONN?` → `+LMQTTCONN: <id>,<1 initialising|2 connecting|3 connected>`, a line for each connection in use
    fn states(&self) -> Answer {
        let state = |connection: &Connection<Config>| {
            let state = match connection.link {
                Link::Closed => return None,
                Link::Opening { .. } | Link::Open { .. } | Link::Resting { .. } | Link::Lost => 1,
                Link::Session { accepted: false, .. } => 2,
                Link::Session { accepted: true, .. } => 3,
            };
            Some(format!("+LMQTTCONN: {},{state}", connection.id))
        };
        Answer::Lines(self.links.all().filter_map(state).collect())
    }

    /// `AT+LMQTTDISC=<id>` → `+LMQTTDISC: <id>,0`
    fn disconnect(&mut self, now: Duration, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let connection = self.connection(&mut args, around)?;
        args.end()?;
        let id = connection.id;
        if !self.links.disconnect(now, id) {
            return Err(Cme::NotAllowed);
        }
        Ok(self.gone(id, Step::Disconnect, around))
    }

    /// The link was hung up because the host wanted it so.
    fn gone(&mut self, id: u8, step: Step, around: &Surroundings<'_>) -> Answer {
        let of = completion(id, step, 0, around.options);
        self.links.of(id).forget(around.options);
        self.links.complete(of, Some(format!("{}: {id},0", of.name)));
        around.answer(of)
    }

    /// `AT+LMQTTSUBUNSUB=<id>,<0 sub|1 unsub>,<msgid>,"<topic>"[,<qos>]…` → `+LMQTTSUBUNSUB: <id>,<msgid>,<result>[,<extend>]`
    fn subscribe(&mut self, now: Duration, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let model = &around.options.model;
        let connection = self.connection(&mut args, around)?;
        let id = connection.id;
        let step = if args.flag()? { Step::Unsubscribe } else { Step::Subscribe };
        let message = args.number(model.subscribe_id_min..=u16::MAX)?;
        let mut topics = Vec::new();
        while topics.is_empty() || !args.is_empty() {
            let topic = args.quoted()?.to_vec();
            let level = if step == Step::Unsubscribe && args.is_empty() { 0 } else { args.number(0..=2)? };
            topics.push((topic, QoS::from_level(level).ok_or(Cme::NotAllowed)?));
        }
        connection.client().ok_or(Cme::NotAllowed)?;
        if topics.len() > model.topics_per_command {
            return Err(Cme::NotAllowed);
        }
        let of = completion(id, step, message, around.options);
        if !self.links.subscribe(now, of, &topics, model.topic) {
            self.acknowledge(of, "1,7");
        }
        Ok(around.answer(of))
    }

    /// `AT+LMQTTPUB=<id>,<msgid>,<qos>,<retain>,"<topic>",<len>[,"<payload>"]` → `+LMQTTPUB: <id>,<msgid>,<result>[,<extend>]`
    fn publish(&mut self, now: Duration, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let connection = self.connection(&mut args, around)?;
        let (publish, source) = publish::parse(connection.id, args, around.options)?;
        connection.client().ok_or(Cme::NotAllowed)?;
        match source {
            Source::Inline(payload) => self.publish_payload(now, &publish, payload, around),
            Source::Prompt(0) => self.publish_payload(now, &publish, Vec::new(), around),
            Source::Prompt(bytes) => {
                Ok(Answer::Prompt { entry: DataEnd::Count(bytes).into(), then: Purpose::Publish(publish) })
            }
        }
    }

    /// The payload is complete.
    pub(super) fn publish_payload(
        &mut self,
        now: Duration,
        publish: &Publish,
        payload: Vec<u8>,
        around: &Surroundings<'_>,
    ) -> Reply {
        let connection = self.links.of(publish.of.connection);
        let payload = publish::decode(connection.config.send, payload)?;
        connection.client().ok_or(Cme::NotAllowed)?;
        if !self.links.publish(now, publish, &payload, around.options.model.topic) {
            self.acknowledge(publish.of, "1,7");
        }
        Ok(around.answer(publish.of))
    }

    /// The connection that the next argument names.
    fn connection(&mut self, args: &mut Args<'_>, around: &Surroundings<'_>) -> Result<&mut Connection<Config>, Cme> {
        let id = args.number(around.options.model.connections.range())?;
        Ok(self.links.of(id))
    }
}
