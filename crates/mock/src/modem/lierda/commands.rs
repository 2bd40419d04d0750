//! The commands: their arguments, what they refuse, and what they set going.

use std::time::Duration;

use super::{
    Completion, Event, Lierda, OpenFault, Reply, SocketId, Surroundings,
    connection::{Connection, Link},
    publish::{self, Publish, Source},
};
use crate::{
    modem::{
        answer::{Answer, Cme},
        command::{Args, Form},
        options::Step,
    },
    mqtt::{Client, ConnectOptions, QoS, TopicFilter, is_topic_name},
};

impl Lierda {
    /// A command of this set; `None`: it is not one.
    pub(in crate::modem) fn execute(
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
        let connection = &mut self.connections[usize::from(id)];
        let fault = match (host, port) {
            _ if !connection.is_closed() => OpenFault::IdInUse,
            (None, _) | (_, None) => OpenFault::Parameter,
            _ if !around.packet_data => OpenFault::PacketNetwork,
            // Nothing but plain TCP is spoken here.
            _ if connection.config.tls => OpenFault::Network,
            (Some(host), Some(port)) => {
                let socket = SocketId(self.sockets);
                self.sockets += 1;
                connection.dial(now, socket, around.options.latency.open);
                self.events.push_back(Event::Dial { socket, host, port });
                return Ok(answer(around, Completion { connection: id, step: Step::Open, message: 0 }));
            }
        };
        self.open_failed(id, fault, around);
        Ok(answer(around, Completion { connection: id, step: Step::Open, message: 0 }))
    }

    /// `AT+LMQTTCLOSE=<id>` → `+LMQTTCLOSE: <id>,0`
    fn close(&mut self, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let connection = self.connection(&mut args, around)?;
        args.end()?;
        if connection.is_closed() {
            return Err(Cme::NotAllowed);
        }
        let id = connection.id;
        self.abandon(id);
        self.connections[usize::from(id)].forget(&around.options.quirks);
        self.complete(id, Step::Close, 0, format!("+LMQTTCLOSE: {id},0"));
        Ok(answer(around, Completion { connection: id, step: Step::Close, message: 0 }))
    }

    /// `AT+LMQTTCONN=<id>[,"<clientid>"[,"<user>"[,"<pass>"]]]` → `+LMQTTCONN: <id>,<result>[,<ret_code>]`
    fn connect(&mut self, now: Duration, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let limit = around.options.model.sign_in;
        let connection = self.connection(&mut args, around)?;
        let field = |args: &mut Args<'_>| if args.is_empty() { Ok(None) } else { args.string(limit).map(Some) };
        let client_id = field(&mut args)?.unwrap_or_default();
        let username = field(&mut args)?;
        let password = field(&mut args)?.map(String::into_bytes);
        args.end()?;
        let Link::Open { socket } = connection.link else {
            return Err(Cme::NotAllowed);
        };
        // The module's own sign-in to Alibaba's cloud is not played.
        if connection.config.signs_in() && username.is_none() {
            return Err(Cme::NotAllowed);
        }
        let id = connection.id;
        let of = Completion { connection: id, step: Step::Connect, message: 0 };
        let config = &connection.config;
        if config.version != 4 {
            self.complete(id, Step::Connect, 0, format!("+LMQTTCONN: {id},0,1"));
            return Ok(answer(around, of));
        }
        let client = Client::new(ConnectOptions {
            client_id,
            username,
            password,
            keep_alive: config.keep_alive,
            clean_session: config.clean_session,
            will: config.will.clone(),
        });
        let Ok(mut client) = client else {
            self.complete(id, Step::Connect, 0, format!("+LMQTTCONN: {id},2,7"));
            return Ok(answer(around, of));
        };
        client.transport_up(now);
        connection.expect(now, Step::Connect, 0);
        connection.link = Link::Session { socket, client: Box::new(client), accepted: false };
        self.drain(id, around);
        Ok(answer(around, of))
    }

    /// `AT+LMQTTCONN?` → `+LMQTTCONN: <id>,<1 initialising|2 connecting|3 connected>`, a line for each connection in use
    fn states(&self) -> Answer<Publish> {
        let state = |connection: &Connection| {
            let state = match connection.link {
                Link::Closed => return None,
                Link::Opening { .. } | Link::Open { .. } | Link::Lost => 1,
                Link::Session { accepted: false, .. } => 2,
                Link::Session { accepted: true, .. } => 3,
            };
            Some(format!("+LMQTTCONN: {},{state}", connection.id))
        };
        Answer::Lines(self.connections.iter().filter_map(state).collect())
    }

    /// `AT+LMQTTDISC=<id>` → `+LMQTTDISC: <id>,0`
    fn disconnect(&mut self, now: Duration, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let connection = self.connection(&mut args, around)?;
        args.end()?;
        let id = connection.id;
        let Link::Session { client, .. } = &mut connection.link else {
            return Err(Cme::NotAllowed);
        };
        client.disconnect(now);
        self.drain(id, around);
        self.abandon(id);
        self.connections[usize::from(id)].forget(&around.options.quirks);
        self.complete(id, Step::Disconnect, 0, format!("+LMQTTDISC: {id},0"));
        Ok(answer(around, Completion { connection: id, step: Step::Disconnect, message: 0 }))
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
        let client = connection.client().ok_or(Cme::NotAllowed)?;
        if topics.len() > model.topics_per_command {
            return Err(Cme::NotAllowed);
        }
        let filters: Option<Vec<(&str, QoS)>> = topics
            .iter()
            .map(|(topic, qos)| {
                let topic = std::str::from_utf8(topic)
                    .ok()
                    .filter(|topic| topic.len() <= model.topic && TopicFilter::parse(topic).is_some());
                Some((topic?, *qos))
            })
            .collect();
        let of = Completion { connection: id, step, message };
        let sent = match &filters {
            None => false,
            Some(filters) if step == Step::Subscribe => client.subscribe(now, message, filters).is_ok(),
            Some(filters) => {
                let names: Vec<&str> = filters.iter().map(|(filter, _)| *filter).collect();
                client.unsubscribe(now, message, &names).is_ok()
            }
        };
        if sent {
            connection.expect(now, step, message);
            self.drain(id, around);
        } else {
            self.acknowledge(of, "1,7", around);
        }
        Ok(answer(around, of))
    }

    /// `AT+LMQTTPUB=<id>,<msgid>,<qos>,<retain>,"<topic>",<len>[,"<payload>"]` → `+LMQTTPUB: <id>,<msgid>,<result>[,<extend>]`
    fn publish(&mut self, now: Duration, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let connection = self.connection(&mut args, around)?;
        let (publish, source) = publish::parse(connection.id, args, &around.options.model)?;
        connection.client().ok_or(Cme::NotAllowed)?;
        match source {
            Source::Inline(payload) => self.submit(now, &publish, payload, around),
            Source::Prompt(0) => self.submit(now, &publish, Vec::new(), around),
            Source::Prompt(bytes) => Ok(Answer::Prompt { bytes, then: publish }),
        }
    }

    /// The payload is complete.
    pub(in crate::modem) fn submit(
        &mut self,
        now: Duration,
        publish: &Publish,
        payload: Vec<u8>,
        around: &Surroundings<'_>,
    ) -> Reply {
        let connection = &mut self.connections[usize::from(publish.connection)];
        let payload = publish::decode(connection.config.send, payload)?;
        let client = connection.client().ok_or(Cme::NotAllowed)?;
        let of = Completion { connection: publish.connection, step: Step::Publish, message: publish.message };
        let limit = around.options.model.topic;
        let topic =
            std::str::from_utf8(&publish.topic).ok().filter(|topic| topic.len() <= limit && is_topic_name(topic));
        let sent = topic.is_some_and(|topic| {
            client.publish(now, publish.message, topic, &payload, publish.qos, publish.retain).is_ok()
        });
        if sent {
            connection.expect(now, Step::Publish, publish.message);
            self.drain(publish.connection, around);
        } else {
            self.acknowledge(of, "1,7", around);
        }
        Ok(answer(around, of))
    }

    /// The connection that the next argument names.
    fn connection(&mut self, args: &mut Args<'_>, around: &Surroundings<'_>) -> Result<&mut Connection, Cme> {
        let id = args.number(around.options.model.connections.range())?;
        self.connections.get_mut(usize::from(id)).ok_or(Cme::NotAllowed)
    }
}

/// OK at once, or after the result where the firmware does it in that order.
fn answer(around: &Surroundings<'_>, of: Completion) -> Answer<Publish> {
    if around.options.quirks.result_first.contains(&of.step) { Answer::AfterResult(of) } else { Answer::ok() }
}
