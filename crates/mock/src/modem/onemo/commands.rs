//! The commands: their arguments, what they refuse, and what they set going.

use std::time::Duration;

use super::{
    OneMo, State, completion,
    config::{Config, Encoding, decoded},
};
use crate::{
    modem::{
        answer::Answer,
        answer::Reply,
        cme::Cme,
        command::{Args, Form},
        data::{DataEnd, DataEntry, Purpose},
        link::{Completion, Connection, Link, Publish, decode_hex, quoted_payload},
        options::Step,
        surroundings::Surroundings,
    },
    mqtt::{ConnectOptions, QoS},
};

/// What has been typed of a payload is sent after so long without a byte, on the models that do so.
const IDLE: Duration = Duration::from_secs(10);

/// `+CME ERROR` of the MQTT commands.
const PARAMETER: Cme = Cme::OneMo(601);
const NOT_CONNECTED: Cme = Cme::OneMo(602);
const CONNECTING: Cme = Cme::OneMo(603);
const ALREADY_CONNECTED: Cme = Cme::OneMo(604);
const NETWORK: Cme = Cme::OneMo(605);
const WRONG_STATE: Cme = Cme::OneMo(607);

impl OneMo {
    pub(super) fn command(
        &mut self,
        now: Duration,
        name: &str,
        form: Form<'_>,
        around: &Surroundings<'_>,
    ) -> Option<Reply> {
        let reply = match (name, form) {
            ("+MQTTCFG", Form::Test) => Ok(Self::ranges(around)),
            ("+MQTTCONN", Form::Test) => {
                Ok(Answer::line("+MQTTCONN: <connect_id>,<host>,<port>,<clientID>,<user>,<passwd>"))
            }
            ("+MQTTDISC" | "+MQTTSTATE" | "+MQTTSUB" | "+MQTTUNSUB" | "+MQTTPUB" | "+MQTTREAD", Form::Test) => {
                Ok(Answer::ok())
            }
            ("+MQTTCFG", Form::Set(args)) => self.configure(args, around),
            ("+MQTTCONN", Form::Set(args)) => self.connect(now, args, around),
            ("+MQTTDISC", Form::Set(args)) => self.disconnect(now, args, around),
            ("+MQTTSTATE", Form::Set(args)) => self.state(args, around),
            ("+MQTTSUB", Form::Set(args)) => self.change(now, Step::Subscribe, args, around),
            ("+MQTTUNSUB", Form::Set(args)) => self.change(now, Step::Unsubscribe, args, around),
            ("+MQTTPUB", Form::Set(args)) => self.publish_command(now, args, around),
            ("+MQTTREAD", Form::Set(args)) => self.read(args, around),
            (name, _) if name.starts_with("+MQTT") => Err(Cme::NotSupported),
            _ => return None,
        };
        Some(reply.map_err(|error| if error == Cme::IncorrectParameters { PARAMETER } else { error }))
    }

    /// `AT+MQTTCFG=?` → a line for each key
    fn ranges(around: &Surroundings<'_>) -> Answer {
        let ids = around.options.model.connections;
        let line = |(key, values): &(&str, &str)| format!("+MQTTCFG: \"{key}\",({}-{}),{values}", ids.first, ids.last);
        let known = Config::KEYS.iter().filter(|(key, _)| Config::has(key, around.options));
        Answer::Lines(known.map(line).collect())
    }

    /// `="<key>",<id>[,<values>]`; `"query"` tells all of them. While there is a connection, only some can be written.
    fn configure(&mut self, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let key = args.string(20)?;
        let connection = self.connection(&mut args, around)?;
        let config = &mut connection.config;
        let line = |key: &str, values: String| format!("+MQTTCFG: \"{key}\",{values}");
        if key == "query" {
            let known = Config::KEYS.iter().filter(|(key, _)| Config::has(key, around.options));
            return Ok(Answer::Lines(known.filter_map(|(key, _)| Some(line(key, config.values(key)?))).collect()));
        }
        if !Config::has(&key, around.options) {
            return Err(Cme::IncorrectParameters);
        }
        if args.is_empty() {
            let values = config.values(&key).ok_or(Cme::IncorrectParameters)?;
            return Ok(Answer::line(line(&key, values)));
        }
        if !matches!(connection.link, Link::Closed | Link::Lost) && !Config::is_immediate(&key) {
            return Err(WRONG_STATE);
        }
        connection.config.write(&key, args)?;
        Ok(Answer::ok())
    }

    /// `=<id>,"<host>"[,<port>[,"<client id>"[,"<user>"[,"<password>"]]]]` → `+MQTTURC: "conn",<id>,<state>`
    fn connect(&mut self, now: Duration, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let model = &around.options.model;
        let connection = self.connection(&mut args, around)?;
        let host = args.string(model.host)?;
        let port = if args.is_empty() { 1883 } else { args.number(1..=u16::MAX)? };
        let client_id = args.optional_string(model.client_id)?.unwrap_or_else(|| around.options.identity.imei.clone());
        let username = args.optional_string(model.username)?;
        let password = args.optional_string(model.password)?.map(String::into_bytes);
        args.end()?;
        match connection.link {
            Link::Closed | Link::Lost => {}
            Link::Session { accepted: true, .. } => return Err(ALREADY_CONNECTED),
            _ => return Err(CONNECTING),
        }
        // Nothing but plain TCP is spoken here.
        if !around.packet_data || connection.config.is_tls() {
            return Err(NETWORK);
        }
        let (id, config) = (connection.id, &mut connection.config);
        config.sign_in = Some(ConnectOptions {
            client_id,
            username,
            password,
            keep_alive: config.keep_alive,
            clean_session: config.clean_session,
            will: config.will(),
        });
        config.tries_left = None;
        config.forget_waits();
        config.address = Some((host.clone(), port));
        let of = completion(id, Step::Connect, 0);
        self.links.dial(now, of, host, port, around.options.latency.open);
        Ok(around.answer(of))
    }

    /// `=<id>` → `+MQTTURC: "conn",<id>,2`
    fn disconnect(&mut self, now: Duration, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let connection = self.connection(&mut args, around)?;
        args.end()?;
        let (id, is_resting) = (connection.id, connection.config.tries_left.take().is_some());
        if !self.links.disconnect(now, id) {
            if !is_resting {
                return Err(NOT_CONNECTED);
            }
            self.links.abandon(id);
        }
        self.links.of(id).close();
        let of = completion(id, Step::Disconnect, 0);
        self.links.complete(of, Some(super::connection(id, State::Disconnected)));
        Ok(around.answer(of))
    }

    /// `=<id>` → `+MQTTSTATE: <1 connecting|2 connected|3 disconnected>`
    fn state(&mut self, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let connection = self.connection(&mut args, around)?;
        args.end()?;
        let state = match connection.link {
            Link::Session { accepted: true, .. } => 2,
            Link::Closed | Link::Lost => 3,
            _ => 1,
        };
        Ok(Answer::line(format!("+MQTTSTATE: {state}")))
    }

    /// `=<id>,"<filter>",<qos>[,…]`, three filters at the most, and without levels to unsubscribe → `+MQTTSUB: <id>,<message id>`; without a
    /// filter MQTTSUB lists those that there are.
    fn change(&mut self, now: Duration, step: Step, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let longest = around.options.model.topic;
        let subscribes = step == Step::Subscribe;
        let connection = self.connection(&mut args, around)?;
        let id = connection.id;
        if args.is_empty() && subscribes {
            let each: Vec<_> =
                connection.config.filters.iter().map(|(filter, code)| format!("\"{filter}\",{code}")).collect();
            let line = (!each.is_empty()).then(|| format!("+MQTTSUB: {}", each.join(",")));
            return Ok(Answer::Lines(line.into_iter().collect()));
        }
        let mut filters = Vec::new();
        while filters.is_empty() || !args.is_empty() {
            let filter = args.string(longest)?;
            let level = if subscribes { args.number(0..=2)? } else { 0 };
            filters.push((filter, QoS::from_level(level).ok_or(Cme::IncorrectParameters)?));
        }
        if filters.len() > around.options.model.topics_per_command {
            return Err(Cme::IncorrectParameters);
        }
        connection.client().ok_or(NOT_CONNECTED)?;
        let of = completion(id, step, self.next_packet());
        let topics: Vec<_> = filters.iter().map(|(filter, qos)| (filter.clone().into_bytes(), *qos)).collect();
        if !self.links.subscribe(now, of, &topics, longest) {
            return Err(Cme::IncorrectParameters);
        }
        let names = filters.into_iter().map(|(filter, _)| filter).collect();
        self.links.of(id).config.changes.push((of.message, names));
        let name = if subscribes { "+MQTTSUB" } else { "+MQTTUNSUB" };
        Ok(told(format!("{name}: {id},{}", of.message), of, around))
    }

    /// `=<id>,"<topic>",<qos>,<retain>,<dup>,<length>[,"<payload>"]`
    fn publish_command(&mut self, now: Duration, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let model = &around.options.model;
        let connection = self.connection(&mut args, around)?;
        let topic = args.string(model.topic)?.into_bytes();
        let qos = QoS::from_level(args.number(0..=2)?).ok_or(Cme::NotAllowed)?;
        let retain = args.flag()?;
        args.flag()?;
        let length: usize = args.number(0..=u16::MAX)?.into();
        connection.client().ok_or(NOT_CONNECTED)?;
        let (id, sends) = (connection.id, connection.config.sends);
        if args.is_empty() {
            // NB models have no prompt.
            if model.prompt_payload.is_none_or(|most| length > most) || length == 0 {
                return Err(Cme::IncorrectParameters);
            }
            let of = completion(id, Step::Publish, 0);
            let digits = if sends == Encoding::Hex { 2 } else { 1 };
            let idle = model.sends_when_idle.then_some(IDLE);
            let entry = DataEntry { end: DataEnd::Count(length * digits), idle, echo: false, sends_when_idle: true };
            return Ok(Answer::Prompt { entry, then: Purpose::Publish(Publish { of, qos, retain, topic }) });
        }
        let written = quoted_payload(args.tail()?)?;
        let payload = decoded(sends, written).ok_or(Cme::IncorrectParameters)?;
        // Of digits the length counts what they mean, of anything else what is typed; 0 stands for the length that it has.
        let counted = if sends == Encoding::Hex { payload.len() } else { written.len() };
        if (length != 0 && counted != length) || payload.len() > model.inline_payload {
            return Err(Cme::IncorrectParameters);
        }
        let of = completion(id, Step::Publish, 0);
        self.send(now, &Publish { of, qos, retain, topic }, &payload, around)
    }

    /// The payload behind the prompt.
    pub(super) fn publish(
        &mut self,
        now: Duration,
        publish: &Publish,
        typed: Vec<u8>,
        around: &Surroundings<'_>,
    ) -> Reply {
        let connection = self.links.of(publish.of.connection);
        connection.client().ok_or(NOT_CONNECTED)?;
        let payload = match connection.config.sends {
            Encoding::Hex => decode_hex(&typed).ok_or(PARAMETER)?,
            Encoding::Plain | Encoding::Escaped => typed,
        };
        self.send(now, publish, &payload, around)
    }

    /// → `+MQTTPUB: <id>,<message id>,<length of the packet>`
    fn send(&mut self, now: Duration, publish: &Publish, payload: &[u8], around: &Surroundings<'_>) -> Reply {
        let Publish { of, qos, retain, ref topic } = *publish;
        let message = self.next_packet();
        let of = completion(of.connection, Step::Publish, message);
        self.links.of(of.connection).config.levels.push((message, qos));
        let publish = Publish { of, qos, retain, topic: topic.clone() };
        if !self.links.publish(now, &publish, payload, around.options.model.topic) {
            self.links.of(of.connection).config.take_level(message);
            return Err(PARAMETER);
        }
        Ok(told(format!("+MQTTPUB: {},{message},{}", of.connection, packet_length(qos, topic, payload)), of, around))
    }

    /// `=<id>` → `+MQTTREAD: <id>,<messages>,<bytes>`; `=<id>,<count>` → so many, a line each
    fn read(&mut self, mut args: Args<'_>, around: &Surroundings<'_>) -> Reply {
        let connection = self.connection(&mut args, around)?;
        let (id, cached) = (connection.id, &mut connection.config.cached);
        // NB models keep nothing.
        if around.options.model.prompt_payload.is_none() {
            return Err(Cme::NotSupported);
        }
        if args.is_empty() {
            let bytes: usize = cached.iter().map(|message| message.payload.len()).sum();
            return Ok(Answer::line(format!("+MQTTREAD: {id},{},{bytes}", cached.len())));
        }
        let count: usize = args.number(1..=u16::MAX)?.into();
        args.end()?;
        let mut lines = Vec::new();
        for message in cached.drain(..count.min(cached.len())) {
            let (number, topic, length) = (message.message, &message.topic, message.payload.len());
            let head = format!("+MQTTREAD: {id},{number},\"{topic}\",{length},");
            lines.extend_from_slice(if lines.is_empty() { b"" } else { b"\r\n" });
            lines.extend_from_slice(head.as_bytes());
            lines.extend_from_slice(&message.payload);
        }
        Ok(if lines.is_empty() { Answer::ok() } else { Answer::Raw(lines) })
    }

    fn next_packet(&mut self) -> u16 {
        self.packet = self.packet.checked_add(1).unwrap_or(1);
        self.packet
    }

    /// The connection that the next argument names.
    fn connection(&mut self, args: &mut Args<'_>, around: &Surroundings<'_>) -> Result<&mut Connection<Config>, Cme> {
        let id = args.number(around.options.model.connections.range())?;
        Ok(self.links.of(id))
    }
}

/// How many bytes a PUBLISH has. MQTT 3.1.1, 2.2.3 and 3.3.
fn packet_length(qos: QoS, topic: &[u8], payload: &[u8]) -> usize {
    let identifier = if qos == QoS::AtMostOnce { 0 } else { 2 };
    let remaining = 2 + topic.len() + identifier + payload.len();
    let length = match remaining {
        0..128 => 1,
        128..16_384 => 2,
        _ => 3,
    };
    1 + length + remaining
}

/// A line of information before `OK`, which comes at once or behind the result of a step.
fn told(line: String, of: Completion, around: &Surroundings<'_>) -> Answer {
    match around.answer(of) {
        Answer::AfterResult(of) => Answer::LineAndResult { line, of },
        _ => Answer::line(line),
    }
}
