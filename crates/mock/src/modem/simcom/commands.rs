//! The commands: their arguments, what they refuse, and what they set going.

use std::time::Duration;

use super::{Error, Simcom, certificates::CONTEXTS, completion, config::Config, error_alone, refused};
use crate::{
    modem::{
        answer::Answer,
        answer::Reply,
        cme::Cme,
        command::{Args, Form},
        data::{Argument, DataEnd, Purpose},
        dialect::CmqttKind,
        link::{Connection, Publish},
        options::Step,
        surroundings::Surroundings,
    },
    mqtt::{ConnectOptions, QoS, Will},
};

/// The commands that stage an argument, each with the longest one.
const STAGING: [(&str, usize); 6] = [
    ("+CMQTTTOPIC", 1024),
    ("+CMQTTPAYLOAD", 10240),
    ("+CMQTTSUBTOPIC", 1024),
    ("+CMQTTUNSUBTOPIC", 1024),
    ("+CMQTTWILLTOPIC", 1024),
    ("+CMQTTWILLMSG", 1024),
];

impl Simcom {
    pub(super) fn command(
        &mut self,
        now: Duration,
        name: &str,
        form: Form<'_>,
        around: &Surroundings<'_>,
    ) -> Option<Reply> {
        if let Some(answer) = self.tls_command(name, form) {
            return Some(Ok(answer));
        }
        let model = &around.options.model;
        let ids = format!("({}-{})", model.connections.first, model.connections.last);
        let answer = match (name, form) {
            ("+CMQTTACCQ", Form::Test) => {
                let version = if self.kind == CmqttKind::Sim7600 { ",(3-4)" } else { "" };
                Answer::line(format!("+CMQTTACCQ: {ids},(1-{}),(0-1){version}", model.client_id))
            }
            (name, Form::Test) if name.starts_with("+CMQTT") => Answer::ok(),
            ("+CMQTTSTART", Form::Execute) => self.start(around),
            (name, _) if name.starts_with("+CMQTT") && !self.started => error_alone(),
            ("+CMQTTSTOP", Form::Execute) => self.stop_service(around),
            ("+CMQTTDISC", Form::Read) => self.states(around),
            (name, Form::Set(args)) if name.starts_with("+CMQTT") => {
                // Whatever is wrong with arguments is answered with ERROR alone.
                self.set(now, name, args, around).unwrap_or_else(|_| error_alone())
            }
            (name, _) if name.starts_with("+CMQTT") => error_alone(),
            _ => return None,
        };
        Some(Ok(answer))
    }

    fn set(&mut self, now: Duration, name: &str, mut args: Args<'_>, around: &Surroundings<'_>) -> Result<Answer, Cme> {
        if name == "+CMQTTCFG" {
            let key = args.string(20)?;
            let kind = self.kind;
            let connection = self.acquired(&mut args, around)?;
            connection.config.write(kind, &key, args)?;
            return Ok(Answer::ok());
        }
        let uses_client = matches!(name, "+CMQTTCONNECT" | "+CMQTTPUB" | "+CMQTTSUB" | "+CMQTTUNSUB");
        if uses_client || STAGING.iter().any(|(known, _)| *known == name) {
            let mut ahead = args;
            let connection = self.connection(&mut ahead, around)?;
            if connection.config.client_id.is_none() {
                return Ok(refused(name, Some(connection.id), Error::NotAcquired));
            }
        }
        if let Some((name, longest)) = STAGING.into_iter().find(|(known, _)| *known == name) {
            return self.stage(name, longest, args, around);
        }
        match name {
            "+CMQTTACCQ" => self.acquire(args, around),
            "+CMQTTREL" => self.release(args, around),
            "+CMQTTSSLCFG" => {
                let connection = self.acquired(&mut args, around)?;
                let context = args.number(0..=CONTEXTS - 1_usize)?;
                args.end()?;
                connection.config.tls_context = Some(context);
                Ok(Answer::ok())
            }
            "+CMQTTCONNECT" => self.connect(now, args, around),
            "+CMQTTDISC" => self.disconnect(now, args, around),
            "+CMQTTPUB" => self.publish_command(now, args, around),
            "+CMQTTSUB" => self.change(now, Step::Subscribe, args, around),
            "+CMQTTUNSUB" => self.change(now, Step::Unsubscribe, args, around),
            _ => Err(Cme::NotSupported),
        }
    }

    /// → `+CMQTTSTART: <err>`. It opens the packet network by itself.
    fn start(&mut self, around: &Surroundings<'_>) -> Answer {
        if self.started {
            return refused("+CMQTTSTART", None, Error::AlreadyOpened);
        }
        let of = completion(0, Step::Open, 0);
        self.started = around.packet_data;
        if self.started {
            self.links.complete(of, Some("+CMQTTSTART: 0".to_owned()));
        } else {
            self.links.fail(of, format!("+CMQTTSTART: {}", Error::NetworkOpen as u8));
        }
        around.answer(of)
    }

    /// → `+CMQTTSTOP: <err>`. Clients that take topics as arguments are stopped without a release.
    fn stop_service(&mut self, around: &Surroundings<'_>) -> Answer {
        let is_used = |connection: &Connection<Config>| {
            connection.config.client_id.is_some() && !(connection.config.topics_are_arguments && connection.is_closed())
        };
        if self.links.all().any(is_used) {
            return refused("+CMQTTSTOP", None, Error::NotReleased);
        }
        self.stop(around.options);
        let of = completion(0, Step::Close, 0);
        self.links.complete(of, Some("+CMQTTSTOP: 0".to_owned()));
        around.answer(of)
    }

    /// `=<client>,"<client id>"[,<server type>[,<version>]]`; the version on SIM7600 only.
    fn acquire(&mut self, mut args: Args<'_>, around: &Surroundings<'_>) -> Result<Answer, Cme> {
        let (kind, longest) = (self.kind, around.options.model.client_id);
        let connection = self.connection(&mut args, around)?;
        let client_id = args.string(longest)?;
        let tls = !args.is_empty() && args.flag()?;
        if kind == CmqttKind::Sim7600 && !args.is_empty() {
            args.number(3..=4_u8)?;
        }
        args.end()?;
        if client_id.is_empty() {
            return Err(Cme::IncorrectParameters);
        }
        if connection.config.client_id.is_some() {
            return Ok(refused("+CMQTTACCQ", Some(connection.id), Error::ClientUsed));
        }
        connection.config.client_id = Some(client_id);
        connection.config.tls = tls;
        Ok(Answer::ok())
    }

    /// `=<client>`: everything that was configured is forgotten.
    fn release(&mut self, mut args: Args<'_>, around: &Surroundings<'_>) -> Result<Answer, Cme> {
        let connection = self.connection(&mut args, around)?;
        args.end()?;
        let id = connection.id;
        if connection.config.client_id.is_none() || connection.config.topics_are_arguments {
            return Ok(refused("+CMQTTREL", Some(id), Error::NotAcquired));
        }
        if !connection.is_closed() {
            return Ok(refused("+CMQTTREL", Some(id), Error::ClientUsed));
        }
        connection.forget(around.options);
        self.links.forget_results(id);
        Ok(Answer::ok())
    }

    /// `=<client>,"tcp://<host>:<port>",<keep-alive>,<clean session>[,"<user>"[,"<password>"]]` → `+CMQTTCONNECT: <client>,<err>`
    fn connect(&mut self, now: Duration, mut args: Args<'_>, around: &Surroundings<'_>) -> Result<Answer, Cme> {
        let model = &around.options.model;
        let connection = self.acquired(&mut args, around)?;
        let url = args.string(256)?;
        let keep_alive = args.number(1..=64800)?;
        let clean_session = args.flag()?;
        let username = args.optional_string(model.username)?;
        let password = args.optional_string(model.password)?.map(String::into_bytes);
        args.end()?;
        let (id, config) = (connection.id, &mut connection.config);
        let Some((host, port)) = address(&url) else {
            return Ok(refused("+CMQTTCONNECT", Some(id), Error::InvalidParameter));
        };
        let client_id = config.client_id.clone().ok_or(Cme::NotAllowed)?;
        // A will has both, and the broker keeps none.
        let will = config.will_topic.clone().zip(config.will_message.clone());
        let will = will.map(|(topic, (payload, qos))| Will { topic, payload, qos, retain: false });
        let context = config.tls.then_some(config.tls_context.unwrap_or(id.into()));
        if connection.is_busy() {
            return Ok(refused("+CMQTTCONNECT", Some(id), Error::ClientBusy));
        }
        if !connection.is_closed() {
            return Ok(refused("+CMQTTCONNECT", Some(id), Error::ClientUsed));
        }
        config_sign_in(connection, ConnectOptions { client_id, username, password, keep_alive, clean_session, will });
        let of = completion(id, Step::Connect, 0);
        let latency = around.options.latency.open;
        match context.map(|context| &self.contexts[context]) {
            None => self.links.dial(now, of, host, port, latency),
            Some(context) => {
                let tls = (&context.settings(&self.files, around.clock), context.limit());
                self.links.dial_secured(now, of, (host, port), latency, tls);
            }
        }
        Ok(around.answer(of))
    }

    /// `=<client>,<seconds>` → `+CMQTTDISC: <client>,<err>`
    fn disconnect(&mut self, now: Duration, mut args: Args<'_>, around: &Surroundings<'_>) -> Result<Answer, Cme> {
        let shortest = self.shortest_wait();
        let connection = self.connection(&mut args, around)?;
        let seconds = args.number(0..=180_u8)?;
        args.end()?;
        let id = connection.id;
        if seconds != 0 && seconds < shortest {
            return Err(Cme::IncorrectParameters);
        }
        if connection.config.client_id.is_none() {
            return Ok(refused("+CMQTTDISC", Some(id), Error::NotAcquired));
        }
        if !self.links.disconnect(now, id) {
            return Ok(refused("+CMQTTDISC", Some(id), Error::NoConnection));
        }
        let connection = self.links.of(id);
        connection.close();
        connection.config.tls_context = None;
        self.links.forget_results(id);
        let of = completion(id, Step::Disconnect, 0);
        self.end(of, 0);
        Ok(around.answer(of))
    }

    /// `AT+CMQTTDISC?` → `+CMQTTDISC: <client>,<0 connected|1 not>`, a line for each client
    fn states(&mut self, around: &Surroundings<'_>) -> Answer {
        let ids = around.options.model.connections.range();
        let state = |id| format!("+CMQTTDISC: {id},{}", u8::from(self.links.of(id).client().is_none()));
        Answer::Lines(ids.map(state).collect())
    }

    /// `=<client>,<length>`, with a level behind it for a filter or the message of a will; then `>` and the bytes
    fn stage(
        &mut self,
        command: &'static str,
        longest: usize,
        mut args: Args<'_>,
        around: &Surroundings<'_>,
    ) -> Result<Answer, Cme> {
        let connection = self.acquired(&mut args, around)?.id;
        let length: usize = args.number(0..=u16::MAX)?.into();
        let qos = if matches!(command, "+CMQTTSUBTOPIC" | "+CMQTTWILLMSG") { args.number(0..=2)? } else { 0 };
        args.end()?;
        if !(1..=longest).contains(&length) {
            return Ok(refused(command, Some(connection), Error::Length));
        }
        Ok(prompt(command, connection, qos, length))
    }

    /// The bytes of an argument.
    pub(super) fn staged(
        &mut self,
        now: Duration,
        argument: &Argument,
        bytes: Vec<u8>,
        around: &Surroundings<'_>,
    ) -> Answer {
        let Argument { command, connection: id, qos } = *argument;
        let Some(qos) = QoS::from_level(qos) else { return error_alone() };
        let connection = self.links.of(id);
        let config = &mut connection.config;
        // The service has ended while they were typed.
        if config.client_id.is_none() {
            return error_alone();
        }
        if config.checks_utf8 && std::str::from_utf8(&bytes).is_err() {
            return refused(command, Some(id), Error::BadUtf8);
        }
        match command {
            "+CMQTTTOPIC" => config.topic = Some(bytes),
            "+CMQTTPAYLOAD" => config.payload = Some(bytes),
            "+CMQTTSUBTOPIC" => config.filters.push((bytes, qos)),
            "+CMQTTUNSUBTOPIC" => config.old_filters.push((bytes, qos)),
            "+CMQTTWILLTOPIC" => match String::from_utf8(bytes) {
                Ok(topic) => config.will_topic = Some(topic),
                Err(_) => return refused(command, Some(id), Error::BadUtf8),
            },
            "+CMQTTWILLMSG" => config.will_message = Some((bytes, qos)),
            "+CMQTTSUB" => return self.send_change(now, id, Step::Subscribe, &[(bytes, qos)], around),
            "+CMQTTUNSUB" => return self.send_change(now, id, Step::Unsubscribe, &[(bytes, qos)], around),
            _ => return error_alone(),
        }
        Answer::ok()
    }

    /// Staged: `=<client>,<qos>,<seconds>[,<retain>[,<dup>]]`; with topics as arguments: `=<client>,"<topic>",<qos>,<length>[,<retain>]`
    fn publish_command(&mut self, now: Duration, mut args: Args<'_>, around: &Surroundings<'_>) -> Result<Answer, Cme> {
        let shortest = self.shortest_wait();
        let packet = self.next_packet();
        let connection = self.acquired(&mut args, around)?;
        let (id, config) = (connection.id, &mut connection.config);
        let of = completion(id, Step::Publish, packet);
        let topic = if config.topics_are_arguments { Some(args.string(500)?.into_bytes()) } else { None };
        let qos = QoS::from_level(args.number(0..=2)?).ok_or(Cme::NotAllowed)?;
        if let Some(topic) = topic {
            let length: usize = args.number(1..=10240_u16)?.into();
            let retain = !args.is_empty() && args.flag()?;
            args.end()?;
            config.publish_timeout = None;
            let publish = Publish { of, qos, retain, topic };
            return Ok(Answer::Prompt { entry: DataEnd::Count(length).into(), then: Purpose::Publish(publish) });
        }
        let seconds = args.number(shortest..=180)?;
        let retain = !args.is_empty() && args.flag()?;
        if !args.is_empty() {
            args.flag()?;
        }
        args.end()?;
        config.publish_timeout = Some(seconds);
        let (topic, payload) = (config.topic.take(), config.payload.take());
        let Some(topic) = topic else {
            return Ok(refused("+CMQTTPUB", Some(id), Error::TopicEmpty));
        };
        let Some(payload) = payload else {
            return Ok(refused("+CMQTTPUB", Some(id), Error::Length));
        };
        let publish = Publish { of, qos, retain, topic };
        Ok(self.publish(now, &publish, &payload, around))
    }

    pub(super) fn publish(
        &mut self,
        now: Duration,
        publish: &Publish,
        payload: &[u8],
        around: &Surroundings<'_>,
    ) -> Answer {
        let id = publish.of.connection;
        let connection = self.links.of(id);
        if connection.config.checks_utf8 && std::str::from_utf8(payload).is_err() {
            return refused("+CMQTTPUB", Some(id), Error::BadUtf8);
        }
        if connection.is_busy() {
            return refused("+CMQTTPUB", Some(id), Error::ClientBusy);
        }
        if connection.client().is_none() {
            return refused("+CMQTTPUB", Some(id), Error::NoConnection);
        }
        if !self.links.publish(now, publish, payload, around.options.model.topic) {
            return refused("+CMQTTPUB", Some(id), Error::InvalidParameter);
        }
        around.answer(publish.of)
    }

    /// Staged: `=<client>[,<dup>]`; in one: `=<client>,<length>,<qos>[,<dup>]`, without the level to unsubscribe, then `>` and the
    /// filter; with topics as arguments: `=<client>,"<filter>"[,<qos>]`.
    fn change(
        &mut self,
        now: Duration,
        step: Step,
        mut args: Args<'_>,
        around: &Surroundings<'_>,
    ) -> Result<Answer, Cme> {
        let subscribes = step == Step::Subscribe;
        let longest = around.options.model.topic;
        let connection = self.acquired(&mut args, around)?;
        let (id, config) = (connection.id, &mut connection.config);
        if config.topics_are_arguments {
            let filter = args.string(500)?.into_bytes();
            let qos = QoS::from_level(if subscribes { args.number(0..=2)? } else { 0 }).ok_or(Cme::NotAllowed)?;
            if !subscribes && !args.is_empty() {
                args.flag()?;
            }
            args.end()?;
            return Ok(self.send_change(now, id, step, &[(filter, qos)], around));
        }
        let staged = if subscribes { &mut config.filters } else { &mut config.old_filters };
        let first: usize = if args.is_empty() { 0 } else { args.number(0..=u16::MAX)?.into() };
        // One argument is the flag of a duplicate where a filter is staged, and else the length of one to unsubscribe from.
        if args.is_empty() && (subscribes || !staged.is_empty()) {
            if first > 1 {
                return Err(Cme::IncorrectParameters);
            }
            let filters = std::mem::take(staged);
            if filters.is_empty() {
                return Ok(refused(completion(id, step, 0).name, Some(id), Error::TopicEmpty));
            }
            return Ok(self.send_change(now, id, step, &filters, around));
        }
        let qos = if subscribes { args.number(0..=2)? } else { 0 };
        if !args.is_empty() {
            args.flag()?;
        }
        args.end()?;
        let name = completion(id, step, 0).name;
        if !(1..=longest).contains(&first) {
            return Ok(refused(name, Some(id), Error::Length));
        }
        Ok(prompt(name, id, qos, first))
    }

    fn send_change(
        &mut self,
        now: Duration,
        id: u8,
        step: Step,
        filters: &[(Vec<u8>, QoS)],
        around: &Surroundings<'_>,
    ) -> Answer {
        let of = completion(id, step, self.next_packet());
        let connection = self.links.of(id);
        connection.config.publish_timeout = None;
        if connection.is_busy() {
            return refused(of.name, Some(id), Error::ClientBusy);
        }
        if connection.client().is_none() {
            return refused(of.name, Some(id), Error::NoConnection);
        }
        if !self.links.subscribe(now, of, filters, around.options.model.topic) {
            return refused(of.name, Some(id), Error::InvalidParameter);
        }
        around.answer(of)
    }

    /// The shortest time that a DISC and a PUB may be given, in seconds.
    fn shortest_wait(&self) -> u8 {
        if self.kind == CmqttKind::Sim7600 { 60 } else { 1 }
    }

    fn next_packet(&mut self) -> u16 {
        self.packet = self.packet.checked_add(1).unwrap_or(1);
        self.packet
    }

    /// The client that the next argument names.
    fn connection(&mut self, args: &mut Args<'_>, around: &Surroundings<'_>) -> Result<&mut Connection<Config>, Cme> {
        let id = args.number(around.options.model.connections.range())?;
        Ok(self.links.of(id))
    }

    /// The same, if it was acquired.
    fn acquired(&mut self, args: &mut Args<'_>, around: &Surroundings<'_>) -> Result<&mut Connection<Config>, Cme> {
        let connection = self.connection(args, around)?;
        if connection.config.client_id.is_some() { Ok(connection) } else { Err(Cme::NotAllowed) }
    }
}

fn config_sign_in(connection: &mut Connection<Config>, options: ConnectOptions) {
    connection.config.publish_timeout = None;
    connection.config.sign_in = Some(options);
}

fn prompt(command: &'static str, connection: u8, qos: u8, length: usize) -> Answer {
    let then = Purpose::Argument(Argument { command, connection, qos });
    Answer::Prompt { entry: DataEnd::Count(length).into(), then }
}

/// `tcp://<host>:<port>`, an IPv6 address in brackets; 9 bytes at least.
fn address(url: &str) -> Option<(String, u16)> {
    let (host, port) = url.strip_prefix("tcp://").filter(|_| url.len() >= 9)?.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let port = port.parse().ok().filter(|port| *port != 0)?;
    (!host.is_empty()).then(|| (host.to_owned(), port))
}
