//! A modem, a broker and a script between them.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use atmqtt_mock::{
    broker::{self, Broker, BrokerOptions, LinkId},
    modem::{DialOutcome, Fault, Modem, ModemOptions, NetworkInput, Output, SocketId},
    tls::TLS_PORT,
};

/// What becomes of a dial.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dial {
    ToBroker,
    Fails(DialOutcome),
    NeverEnds,
}

pub(crate) struct Bench {
    pub(crate) modem: Modem,
    pub(crate) broker: Broker,
    pub(crate) dial: Dial,
    /// The broker reads nothing and says nothing.
    pub(crate) broker_is_silent: bool,
    pub(crate) dialled: Vec<(String, u16)>,
    pub(crate) heard: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    now: Duration,
    links: BTreeMap<SocketId, LinkId>,
    said: Vec<u8>,
    lines: VecDeque<String>,
}

impl Bench {
    /// Of a modem whose echo has been switched off.
    pub(crate) fn new(options: ModemOptions) -> Self {
        Self::with_broker(options, BrokerOptions::new())
    }

    pub(crate) fn with_broker(options: ModemOptions, broker: BrokerOptions) -> Self {
        let mut bench = Self::untouched(options, broker);
        bench.host(b"ATE0\r");
        bench.take_said();
        bench.heard.clear();
        bench
    }

    /// Of a modem as it is after power-up.
    pub(crate) fn untouched(options: ModemOptions, broker: BrokerOptions) -> Self {
        Self {
            modem: Modem::new(options, Duration::ZERO),
            broker: Broker::new(broker),
            dial: Dial::ToBroker,
            broker_is_silent: false,
            dialled: Vec::new(),
            heard: Vec::new(),
            now: Duration::ZERO,
            links: BTreeMap::new(),
            said: Vec::new(),
            lines: VecDeque::new(),
        }
    }

    /// Signed in, with completion lines switched on.
    pub(crate) fn connected(options: ModemOptions) -> Self {
        let mut bench = Self::new(options);
        bench.play(CONNECT);
        bench
    }

    /// Plays a dialogue, a step on each line:
    ///
    /// `> text`: the host sends a command line (CR is added) · `< text`: the modem says this line next · `<>`: it prompts · `= data`: the
    /// host sends these bytes · `@ 500ms`: time passes · `#`: a comment. `\r \n \0 \xNN \\` are escapes.
    ///
    /// Before each step of the host, and at the end, the modem must have nothing left to say.
    pub(crate) fn play(&mut self, script: &str) {
        for step in script.lines().map(str::trim).filter(|step| !step.is_empty() && !step.starts_with('#')) {
            let (kind, text) = step.split_once(' ').unwrap_or((step, ""));
            match kind {
                "<" => self.expect(text),
                "<>" => self.expect("> "),
                _ => {
                    self.expect_silence(step);
                    match kind {
                        ">" => self.host(&[unescape(text), b"\r".to_vec()].concat()),
                        "=" => self.host(&unescape(text)),
                        "@" => self.pass(duration(text)),
                        _ => panic!("not a step: {step}"),
                    }
                }
            }
        }
        self.expect_silence("the end");
    }

    fn expect(&mut self, text: &str) {
        self.split_lines();
        let line = self.lines.pop_front();
        assert_eq!(
            line.as_deref().map(|line| line.escape_debug().to_string()),
            Some(unescaped(text)),
            "the modem's next line"
        );
    }

    fn expect_silence(&mut self, before: &str) {
        self.split_lines();
        assert!(self.lines.is_empty(), "before {before:?} the modem also says {:?}", self.lines);
    }

    fn split_lines(&mut self) {
        let text: String = std::mem::take(&mut self.said).iter().map(|&byte| char::from(byte)).collect();
        self.lines.extend(text.split("\r\n").filter(|line| !line.is_empty()).map(str::to_owned));
    }

    /// Everything said since it was last asked or expected.
    pub(crate) fn take_said(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.said)
    }

    pub(crate) fn host(&mut self, bytes: &[u8]) {
        self.modem.receive(self.now, bytes);
        self.settle();
    }

    pub(crate) fn order(&mut self, fault: Fault) {
        self.modem.order(self.now, fault);
        self.settle();
    }

    pub(crate) fn change(&mut self, change: impl FnOnce(&mut ModemOptions)) {
        self.modem.change(self.now, change);
        self.settle();
    }

    /// The broker, from outside of the modem's link.
    pub(crate) fn at_broker(&mut self, act: impl FnOnce(&mut Broker, Duration)) {
        act(&mut self.broker, self.now);
        self.settle();
    }

    /// Something on the only link, as the broker would never send it.
    pub(crate) fn inject(&mut self, input: NetworkInput) {
        let socket = *self.links.keys().next_back().expect("a link is open");
        self.modem.network(self.now, socket, input);
        self.settle();
    }

    /// Lets time pass, stopping wherever something is due.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let next = [self.modem.deadline(self.now), self.broker.deadline()].into_iter().flatten().min();
            let Some(next) = next.filter(|&next| next <= end) else {
                break;
            };
            self.now = next.max(self.now);
            self.modem.advance(self.now);
            self.broker.advance(self.now);
            self.settle();
        }
        self.now = end;
        self.modem.advance(end);
        self.settle();
    }

    fn settle(&mut self) {
        loop {
            if let Some(output) = self.modem.poll() {
                self.carry_out(output);
            } else if let Some(output) = self.broker.poll() {
                self.deliver(output);
            } else if self.modem.deadline(self.now).is_some_and(|at| at <= self.now) {
                self.modem.advance(self.now);
            } else {
                return;
            }
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Transmit(bytes) => self.said.extend(bytes),
            Output::Dial { socket, host, port } => {
                let is_tls = port == TLS_PORT;
                self.dialled.push((host, port));
                let outcome = match self.dial {
                    Dial::NeverEnds => return,
                    Dial::Fails(outcome) => outcome,
                    Dial::ToBroker => {
                        let accept = if is_tls { Broker::accept_tls } else { Broker::accept };
                        self.links.insert(socket, accept(&mut self.broker, self.now));
                        DialOutcome::Connected
                    }
                };
                self.modem.network(self.now, socket, NetworkInput::Dialled(outcome));
            }
            Output::Send { .. } if self.broker_is_silent => {}
            Output::Send { socket, bytes } => self.broker.receive(self.now, self.links[&socket], &bytes),
            Output::HangUp { socket } => {
                if let Some(link) = self.links.remove(&socket) {
                    self.broker.closed(self.now, link);
                }
            }
            Output::Heard(line) => self.heard.push((line, None)),
            Output::HeardData(data) => self.heard.last_mut().expect("data follows a command").1 = Some(data),
        }
    }

    fn deliver(&mut self, output: broker::Output) {
        let (link, input) = match output {
            broker::Output::Send { .. } if self.broker_is_silent => return,
            broker::Output::Send { link, bytes } => (link, NetworkInput::Received(bytes)),
            broker::Output::Close { link } => (link, NetworkInput::Closed),
        };
        let socket = self.links.iter().find(|&(_, &known)| known == link).map(|(&socket, _)| socket);
        if let Some(socket) = socket {
            self.modem.network(self.now, socket, input);
        }
    }

    /// What the broker has been given to publish.
    pub(crate) fn published(&self) -> Vec<(String, Vec<u8>)> {
        self.broker
            .published()
            .map(|publication| (publication.message.topic.clone(), publication.message.payload.clone()))
            .collect()
    }
}

/// Opens and signs in on connection 0.
pub(crate) const CONNECT: &str = r#"
    > AT+LMQTTCFG="urc",0,1
    < OK
    > AT+LMQTTCFG="recv/mode",0,0,1
    < OK
    > AT+LMQTTOPEN=0,"broker.example",1883
    < OK
    < +LMQTTOPEN: 0,0
    > AT+LMQTTCONN=0,"bench"
    < OK
    < +LMQTTCONN: 0,0,0
"#;

fn duration(text: &str) -> Duration {
    match text.strip_suffix("ms") {
        Some(number) => Duration::from_millis(number.parse().expect("milliseconds")),
        None => Duration::from_secs(text.strip_suffix('s').and_then(|number| number.parse().ok()).expect("seconds")),
    }
}

/// What an expected text looks like once it is escaped as what was said is.
fn unescaped(text: &str) -> String {
    unescape(text).iter().map(|&byte| char::from(byte)).collect::<String>().escape_debug().to_string()
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let (byte, tail) = match (first, tail) {
            (b'\\', [b'r', tail @ ..]) => (b'\r', tail),
            (b'\\', [b'n', tail @ ..]) => (b'\n', tail),
            (b'\\', [b'0', tail @ ..]) => (0, tail),
            (b'\\', [b'\\', tail @ ..]) => (b'\\', tail),
            (b'\\', [b'x', high, low, tail @ ..]) => {
                let digit = |byte: &u8| {
                    char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).expect("a hex digit")
                };
                (digit(high) << 4 | digit(low), tail)
            }
            (byte, tail) => (*byte, tail),
        };
        bytes.push(byte);
        rest = tail;
    }
    bytes
}
