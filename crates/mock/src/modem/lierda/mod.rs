//! The LMQTT commands of Lierda modules: an MQTT client behind `AT+LMQTT…`.
//!
//! Every refusal for wrong order or wrong arguments is CME error 3, as `EC6xx` firmware answers nearly all of them. What only a result
//! line can tell (an open that fails, a topic that is no topic, a broker that refuses) is told by the result line, with the manual's codes.
//!
//! What the manual leaves open and this module decides: LMQTTDISC closes the network link and forgets the configuration, as LMQTTCLOSE and
//! a failed LMQTTOPEN do (EC616 firmware); a lost link keeps its connection id in use until LMQTTCLOSE; a packet that is given up after
//! its time-outs ends with result 2; publishes that were on their way when the link was lost get no result at all; the client speaks MQTT
//! 3.1.1 only and has no TLS; no command reads a cached message, since the syntax of LMQTTREAD is not known.

mod config;
mod connection;
mod downlink;
mod publish;

use std::{collections::VecDeque, time::Duration};

use super::{
    answer::{Answer, Cme},
    command::{Args, Form},
    options::{ModemOptions, Step, UnsubscribeSpelling},
};
use crate::mqtt::{Client, ClientOutput, ConnectOptions, LossCause, QoS, TopicFilter, is_topic_name};
use connection::{Connection, Expiry, Link};
use downlink::Stats;
pub(super) use publish::Publish;
use publish::Source;

/// Names one dial of the module; never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(u64);

/// How a dial ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialOutcome {
    /// The TCP link is up.
    Connected,
    /// The name does not resolve.
    DnsFailed,
    /// Refused, or nothing answers.
    Refused,
}

/// What the network has to say to the module about one of its dials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkInput {
    /// The dial ended.
    Dialled(DialOutcome),
    /// Bytes from the broker.
    Received(Vec<u8>),
    /// The broker closed, or the link broke.
    Closed,
}

/// How far an MQTT connection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkStatus {
    /// Nothing is open.
    #[default]
    Closed,
    /// LMQTTOPEN is under way.
    Opening,
    /// The network link is up.
    Open,
    /// LMQTTCONN is under way.
    Connecting,
    /// The broker has accepted the module.
    Connected,
    /// The link was lost, and not yet closed by the host.
    Lost,
}

/// A step that ends with a result line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Completion {
    pub(super) connection: u8,
    pub(super) step: Step,
    pub(super) message: u16,
}

/// What the commands want done, in order.
#[derive(Debug)]
pub(super) enum Event {
    Line(Vec<u8>),
    /// A step has ended; no line where the host did not ask for it.
    Completed(Completion, Option<String>),
    Dial {
        socket: SocketId,
        host: String,
        port: u16,
    },
    Send {
        socket: SocketId,
        bytes: Vec<u8>,
    },
    HangUp {
        socket: SocketId,
    },
}

/// What the commands need to know of the module around them.
pub(super) struct Surroundings<'a> {
    pub(super) options: &'a ModemOptions,
    pub(super) packet_data: bool,
}

type Reply = Result<Answer<Publish>, Cme>;

/// LMQTTOPEN, `<extend>` (NT26 manual as cited by driver code).
#[derive(Clone, Copy)]
#[repr(u8)]
enum OpenFault {
    Parameter = 1,
    IdInUse = 2,
    PacketNetwork = 3,
    Dns = 4,
    Network = 5,
}

/// The connections of one module.
pub(super) struct Lierda {
    connections: Vec<Connection>,
    sockets: u64,
    events: VecDeque<Event>,
}

/// As many as any model has.
pub(super) const CONNECTIONS: u8 = 5;

impl Lierda {
    pub(super) fn new(options: &ModemOptions) -> Self {
        let connections = (0..CONNECTIONS).map(|id| Connection::new(id, &options.quirks)).collect();
        Self { connections, sockets: 0, events: VecDeque::new() }
    }

    /// A command of this set; `None`: it is not one.
    pub(super) fn execute(
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

    fn open_failed(&mut self, id: u8, fault: OpenFault, around: &Surroundings<'_>) {
        // The connection that holds the id is not touched by a second open.
        if !matches!(fault, OpenFault::IdInUse) {
            self.connections[usize::from(id)].forget(&around.options.quirks);
        }
        self.complete(id, Step::Open, 0, format!("+LMQTTOPEN: {id},-1,{}", fault as u8));
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
    pub(super) fn submit(
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

    /// News of a dial. A socket that was hung up has none.
    pub(super) fn network(&mut self, now: Duration, socket: SocketId, input: NetworkInput, around: &Surroundings<'_>) {
        let Some(connection) = self.connections.iter_mut().find(|connection| connection.socket() == Some(socket))
        else {
            return;
        };
        let id = connection.id;
        match (&mut connection.link, input) {
            (Link::Opening { outcome, .. }, NetworkInput::Dialled(dialled)) => {
                *outcome = Some(dialled);
                self.opened(now, id, around);
            }
            (Link::Opening { outcome, .. }, NetworkInput::Closed) => *outcome = Some(DialOutcome::Refused),
            (Link::Open { .. }, NetworkInput::Closed) => self.lose(id, Some(Stats::ClosedByServer)),
            (Link::Session { client, .. }, NetworkInput::Received(bytes)) => {
                client.receive(now, &bytes);
                self.drain(id, around);
            }
            (Link::Session { client, .. }, NetworkInput::Closed) => {
                client.transport_closed(now);
                self.drain(id, around);
            }
            _ => {}
        }
    }

    fn opened(&mut self, now: Duration, id: u8, around: &Surroundings<'_>) {
        let connection = &mut self.connections[usize::from(id)];
        let Some((socket, outcome)) = connection.dialled(now) else {
            return;
        };
        let fault = match outcome {
            DialOutcome::Connected => {
                connection.link = Link::Open { socket };
                return self.complete(id, Step::Open, 0, format!("+LMQTTOPEN: {id},0"));
            }
            DialOutcome::DnsFailed => OpenFault::Dns,
            DialOutcome::Refused => OpenFault::Network,
        };
        self.events.push_back(Event::HangUp { socket });
        self.open_failed(id, fault, around);
    }

    /// Time has passed.
    pub(super) fn advance(&mut self, now: Duration, around: &Surroundings<'_>) {
        for id in 0..CONNECTIONS {
            self.opened(now, id, around);
            if let Link::Session { client, .. } = &mut self.connections[usize::from(id)].link {
                client.advance(now);
                self.drain(id, around);
            }
            while let Some(expiry) = self.connections[usize::from(id)].expire(now) {
                self.expired(expiry, around);
            }
        }
    }

    fn expired(&mut self, expiry: Expiry, around: &Surroundings<'_>) {
        match expiry {
            Expiry::Retried(of) => {
                let connection = &self.connections[usize::from(of.connection)];
                if connection.config.notice && connection.config.urc && of.step == Step::Publish {
                    let line = format!("+LMQTTPUB: {},{},1", of.connection, of.message);
                    self.events.push_back(Event::Line(line.into_bytes()));
                }
            }
            Expiry::GivenUp(Completion { connection: id, step: Step::Connect, .. }) => {
                self.lose(id, None);
                self.complete(id, Step::Connect, 0, format!("+LMQTTCONN: {id},2,6"));
            }
            Expiry::GivenUp(of) if of.step == Step::Publish => self.acknowledge(of, "2", around),
            Expiry::GivenUp(of) => self.acknowledge(of, "1,6", around),
        }
    }

    /// When [`advance`](Self::advance) must be called at the latest.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.connections.iter().filter_map(Connection::deadline).min()
    }

    /// The module has lost its packet network.
    pub(super) fn packet_data_lost(&mut self) {
        self.lose_all(Stats::Closed);
    }

    /// The links break under the module.
    pub(super) fn drop_links(&mut self) {
        self.lose_all(Stats::ClosedByServer);
    }

    fn lose_all(&mut self, stats: Stats) {
        for id in 0..CONNECTIONS {
            let connection = &mut self.connections[usize::from(id)];
            match &mut connection.link {
                Link::Opening { outcome, .. } => *outcome = Some(DialOutcome::Refused),
                Link::Open { .. } | Link::Session { .. } => self.lose(id, Some(stats)),
                Link::Closed | Link::Lost => {}
            }
        }
    }

    /// A reset: everything is forgotten, and nothing is told.
    pub(super) fn reset(&mut self, options: &ModemOptions) {
        self.events.clear();
        for connection in &mut self.connections {
            if let Some(socket) = connection.socket() {
                self.events.push_back(Event::HangUp { socket });
            }
            connection.forget(&options.quirks);
        }
    }

    pub(super) fn poll(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(super) fn status(&self) -> [LinkStatus; CONNECTIONS as usize] {
        let mut all = [LinkStatus::Closed; CONNECTIONS as usize];
        for (status, connection) in all.iter_mut().zip(&self.connections) {
            *status = match connection.link {
                Link::Closed => LinkStatus::Closed,
                Link::Opening { .. } => LinkStatus::Opening,
                Link::Open { .. } => LinkStatus::Open,
                Link::Session { accepted: false, .. } => LinkStatus::Connecting,
                Link::Session { accepted: true, .. } => LinkStatus::Connected,
                Link::Lost => LinkStatus::Lost,
            };
        }
        all
    }

    /// Passes on what the client of a connection has to tell.
    ///
    /// The result of LMQTTCONN comes after the downlinks that were read together with the CONNACK, as it has been seen on hardware.
    fn drain(&mut self, id: u8, around: &Surroundings<'_>) {
        let mut connected = false;
        while let Link::Session { socket, client, accepted } = &mut self.connections[usize::from(id)].link {
            let socket = *socket;
            let Some(output) = client.poll() else {
                break;
            };
            match output {
                ClientOutput::Send(bytes) => self.events.push_back(Event::Send { socket, bytes }),
                ClientOutput::Connack { return_code: 0, .. } => {
                    *accepted = true;
                    connected = true;
                }
                ClientOutput::Connack { return_code, .. } => {
                    self.connections[usize::from(id)].answered(Step::Connect, 0);
                    self.lose(id, None);
                    self.complete(id, Step::Connect, 0, format!("+LMQTTCONN: {id},0,{return_code}"));
                }
                ClientOutput::Published { handle } => self.answered(id, Step::Publish, handle, "0", around),
                ClientOutput::Subscribed { handle, granted } => {
                    let result = if granted.contains(&None) { "1,6" } else { "0,1" };
                    self.answered(id, Step::Subscribe, handle, result, around);
                }
                ClientOutput::Unsubscribed { handle } => self.answered(id, Step::Unsubscribe, handle, "0", around),
                ClientOutput::Message { topic, payload, packet_id, .. } => {
                    let config = &self.connections[usize::from(id)].config;
                    let message = packet_id.unwrap_or(0);
                    let line =
                        downlink::received(id, message, &topic, &payload, config, around.options.quirks.quoted_payload);
                    self.events.push_back(Event::Line(line));
                }
                // Whoever made the client close, tears the link down next.
                ClientOutput::Close => {}
                ClientOutput::Lost(cause) => {
                    let was_connecting = self.connections[usize::from(id)].answered(Step::Connect, 0);
                    if was_connecting && !connected {
                        self.lose(id, None);
                        self.complete(id, Step::Connect, 0, format!("+LMQTTCONN: {id},2,6"));
                        return;
                    }
                    self.lose(
                        id,
                        Some(match cause {
                            LossCause::Closed => Stats::ClosedByServer,
                            LossCause::PingTimeout => Stats::TimedOut,
                            LossCause::Protocol => Stats::ProtocolError,
                        }),
                    );
                }
            }
        }
        if connected {
            self.answered(id, Step::Connect, 0, "0,0", around);
        }
    }

    fn answered(&mut self, id: u8, step: Step, message: u16, result: &str, around: &Surroundings<'_>) {
        if !self.connections[usize::from(id)].answered(step, message) {
            return;
        }
        match step {
            Step::Connect => self.complete(id, step, message, format!("+LMQTTCONN: {id},{result}")),
            _ => self.acknowledge(Completion { connection: id, step, message }, result, around),
        }
    }

    /// The result of a publish, subscribe or unsubscribe: told only where `"urc"` asks for it.
    fn acknowledge(&mut self, of: Completion, result: &str, around: &Surroundings<'_>) {
        let name = match (of.step, around.options.quirks.unsubscribe_spelling) {
            (Step::Publish, _) => "+LMQTTPUB",
            (Step::Unsubscribe, UnsubscribeSpelling::Manual) => "+LMQTTUNSUNSUB",
            _ => "+LMQTTSUBUNSUB",
        };
        let wanted = self.connections[usize::from(of.connection)].config.urc;
        let line = wanted.then(|| format!("{name}: {},{},{result}", of.connection, of.message));
        self.events.push_back(Event::Completed(of, line));
    }

    fn complete(&mut self, connection: u8, step: Step, message: u16, line: String) {
        self.events.push_back(Event::Completed(Completion { connection, step, message }, Some(line)));
    }

    /// The link is gone; the id stays in use until the host closes it. The host is told where `stats` says what.
    fn lose(&mut self, id: u8, stats: Option<Stats>) {
        self.abandon(id);
        self.connections[usize::from(id)].link = Link::Lost;
        if let Some(stats) = stats {
            self.events.push_back(Event::Line(downlink::stats(id, stats)));
        }
    }

    /// Hangs up and ends every wait without a result line.
    fn abandon(&mut self, id: u8) {
        let connection = &mut self.connections[usize::from(id)];
        if let Some(socket) = connection.socket() {
            self.events.push_back(Event::HangUp { socket });
        }
        let opening = matches!(connection.link, Link::Opening { .. }).then_some(Completion {
            connection: id,
            step: Step::Open,
            message: 0,
        });
        let waits: Vec<Completion> = connection.pending.drain(..).map(|pending| pending.of).collect();
        self.events.extend(waits.into_iter().chain(opening).map(|of| Event::Completed(of, None)));
    }
}

/// OK at once, or after the result where the firmware does it in that order.
fn answer(around: &Surroundings<'_>, of: Completion) -> Answer<Publish> {
    if around.options.quirks.result_first.contains(&of.step) { Answer::AfterResult(of) } else { Answer::ok() }
}
