//! A whole driver, on a line where anything may come.

mod requests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use atmqtt_at::Time;
use atmqtt_modem::{Driver, DriverOptions, Event, LinkState, Outcome, Output, Profile, Request, Ticket};

use crate::input::{Input, WAITS, contains, is_due};
use crate::module::{self, PHRASES};
use requests::{PAYLOADS, REQUESTS};

/// How many deadlines may pass, and how much time, until one request of a module that has fallen silent is done.
const DEADLINES: usize = 500;
const PATIENCE: Duration = Duration::from_secs(3600);

/// How far the driver is when the steps begin.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Start {
    Unknown,
    Attached,
    Connected,
}

/// Runs the steps that the bytes behind the first say, each a letter and what follows it; the first says how far the driver is.
///
/// | step | meaning |
/// | --- | --- |
/// | `!n` | request `n` is made |
/// | `*` | the port takes everything |
/// | `>n` | the port takes `n` bytes |
/// | `+` | the port takes one piece, and the module answers it as it should |
/// | `#` | so it does until there is nothing to write |
/// | `@n` | the module says phrase `n` |
/// | `<…\xff` | the module says this |
/// | `~n` | time passes |
/// | `d` | time passes until the deadline |
///
/// Whatever the steps:
///
/// - Every request that is taken is done once, in its turn; and once the module is silent, within bounded time.
/// - What is written is one command line, or a payload that was asked for, or what brings a module back that takes no commands.
/// - While nothing is asked for, nothing that comes causes a command.
/// - A message has the payload that came over the line.
/// - The link is up only where a request to connect has said so.
/// - Afterwards a module that answers as it should is attached, connected and published to.
///
/// # Panics
/// When one of these does not hold.
pub fn driver(input: &[u8]) {
    let mut input = Input::new(input);
    let start = input.choose(&[Start::Unknown, Start::Attached, Start::Connected]);
    let mut run = Run::new(start);
    while let Some(step) = input.byte() {
        run.step(step, &mut input);
        run.look();
    }
    run.fall_silent();
    run.serve_again();
}

/// What a request is to the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    SignIn,
    Question,
    Farewell,
    Other,
}

impl Turn {
    fn of(request: &Request) -> Turn {
        match request {
            Request::Connect(..) => Turn::SignIn,
            Request::Raw(_) | Request::Status | Request::SerialNumber => Turn::Question,
            Request::Disconnect => Turn::Farewell,
            _ => Turn::Other,
        }
    }
}

struct Run {
    driver: Driver,
    now: Time,
    /// What is not done yet, in order.
    tickets: VecDeque<(Ticket, Turn)>,
    /// The link as the outcomes and events tell it.
    link: LinkState,
    last: Option<Outcome>,
    heard: Vec<u8>,
    begun: Vec<u8>,
}

impl Run {
    fn new(start: Start) -> Run {
        let mut options = DriverOptions::default();
        if start != Start::Unknown {
            let profile = Profile::named("lierda-nt26e").expect("a shipped profile");
            options.profile = Some(Arc::new(profile.clone()));
        }
        let mut run = Run {
            driver: Driver::new(options),
            now: Time::ZERO,
            tickets: VecDeque::new(),
            link: LinkState::Down,
            last: None,
            heard: Vec::new(),
            begun: Vec::new(),
        };
        if start != Start::Unknown {
            assert!(matches!(run.honestly(Request::Attach), Some(Outcome::Attached(..))));
        }
        if start == Start::Connected {
            assert_eq!(run.honestly(requests::connect()), Some(Outcome::Connected));
        }
        run
    }

    fn step(&mut self, step: u8, input: &mut Input<'_>) {
        match step {
            b'!' => self.submit((input.choose(REQUESTS))()),
            b'*' => while self.write(usize::MAX).is_some() {},
            b'>' => drop(self.write(input.number(256))),
            b'+' => drop(self.answer()),
            b'#' => while self.answer() {},
            b'@' => self.receive(input.choose(PHRASES)),
            b'<' => self.receive(input.literal()),
            b'~' => self.now += input.choose(&WAITS),
            b'd' => self.now = self.driver.deadline().unwrap_or(self.now).max(self.now),
            _ => {}
        }
    }

    fn submit(&mut self, request: Request) {
        let turn = Turn::of(&request);
        if let Ok(ticket) = self.driver.submit(self.now, request) {
            self.tickets.push_back((ticket, turn));
        }
    }

    /// The port takes so many bytes; gives what is out of the piece that they belong to, once it is whole.
    fn write(&mut self, count: usize) -> Option<Vec<u8>> {
        let shown = self.driver.transmit().to_vec();
        let count = count.min(shown.len());
        if count == 0 {
            return None;
        }
        self.may_write(&shown);
        self.begun.extend_from_slice(&shown[..count]);
        self.driver.transmitted(self.now, count);
        self.look();
        (count == shown.len()).then(|| std::mem::take(&mut self.begun))
    }

    fn may_write(&mut self, shown: &[u8]) {
        let whole = [&self.begun, shown].concat();
        if self.begun.is_empty() || !is_legal(&whole) {
            // What was begun has been given up.
            self.begun.clear();
            let rest_of_payload = PAYLOADS.iter().any(|payload| payload.ends_with(shown));
            assert!(is_legal(shown) || rest_of_payload, "may not be written: {:?}", whole.escape_ascii().to_string());
        }
    }

    /// The port takes one piece, and the module answers it; false: there is none.
    fn answer(&mut self) -> bool {
        let Some(written) = self.write(usize::MAX) else { return false };
        self.receive(&module::answer(&written));
        self.look();
        true
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.heard.extend_from_slice(bytes);
        let was_quiet = self.driver.is_idle() && self.driver.transmit().is_empty();
        self.driver.receive(self.now, bytes);
        self.look();
        let shown = self.driver.transmit();
        let is_payload = PAYLOADS.iter().any(|payload| payload.ends_with(shown));
        // A link that is open after all, for nobody, is closed.
        let is_close = [&b"AT+LMQTTDISC=0\r"[..], b"AT+LMQTTCLOSE=0\r"].contains(&shown);
        assert!(!was_quiet || is_payload || is_close, "what came has caused {:?}", shown.escape_ascii().to_string());
    }

    fn look(&mut self) {
        while let Some(output) = self.driver.poll(self.now) {
            match output {
                Output::Done(ticket, outcome) => {
                    let place =
                        self.tickets.iter().position(|(known, _)| *known == ticket).expect("asked for, and not done");
                    assert!(self.may_be_next(place), "out of turn: {ticket:?} of {:?}", self.tickets);
                    self.tickets.remove(place);
                    self.last = outcome.ok();
                }
                Output::Event(event) => self.happened(event),
            }
        }
        assert!(!is_due(self.driver.deadline(), self.now), "a deadline stays behind");
        // Without a request it may still look whether the link is there.
        assert!(!self.driver.is_idle() || self.tickets.is_empty(), "idle, and a request is not done");
        assert!(self.driver.is_idle() || self.driver.deadline().is_some(), "nothing would ever happen");
        assert_eq!(self.driver.link(), self.link, "the link has changed without a word");
        assert!(self.link != LinkState::Connecting || !self.tickets.is_empty(), "nobody is connecting");
    }

    /// Requests are done in their order, but for a question where a sign-in waits, and for a sign-in before a farewell.
    fn may_be_next(&self, place: usize) -> bool {
        let turns: Vec<Turn> = self.tickets.iter().map(|(_, turn)| *turn).collect();
        match turns[place] {
            _ if place == 0 => true,
            Turn::Question => place == 1 && turns[0] == Turn::SignIn,
            Turn::SignIn => turns[place..].contains(&Turn::Farewell),
            Turn::Farewell | Turn::Other => false,
        }
    }

    fn happened(&mut self, event: Event) {
        match event {
            Event::Link(link) => {
                assert!(link != LinkState::Up || self.link == LinkState::Connecting, "up from {:?}", self.link);
                self.link = link;
            }
            Event::LinkLost(_) => {
                assert_ne!(self.link, LinkState::Down, "lost twice");
                self.link = LinkState::Down;
            }
            // Where a sign-in has only woken the module, it goes on.
            Event::Restarted { .. } if self.link == LinkState::Up => self.link = LinkState::Down,
            Event::Message(message) => {
                assert!(contains(&self.heard, &message.payload), "{message:?} was not heard");
            }
            _ => {}
        }
    }

    /// Nothing comes any more; the port still takes everything.
    fn fall_silent(&mut self) {
        while !self.tickets.is_empty() {
            let (left, since) = (self.tickets.len(), self.now);
            let mut deadlines = 0;
            while self.tickets.len() == left {
                while self.write(usize::MAX).is_some() {}
                if self.tickets.len() < left {
                    break;
                }
                self.now = self.driver.deadline().expect("a deadline, since a request is not done").max(self.now);
                self.look();
                deadlines += 1;
                assert!(deadlines < DEADLINES && self.now - since < PATIENCE, "a request is not done");
            }
        }
    }

    /// A module that answers as it should, whatever was before.
    fn serve_again(&mut self) {
        // Whatever line was begun is over: it may say that the module has started.
        self.receive(b"\r\n");
        assert!(matches!(self.honestly(Request::Attach), Some(Outcome::Attached(..))), "attaching: {:?}", self.last);
        if self.driver.link() != LinkState::Up {
            assert_eq!(self.honestly(requests::connect()), Some(Outcome::Connected));
        }
        assert!(matches!(self.honestly(requests::publish()), Some(Outcome::Published(_))), "{:?}", self.last);
        assert_eq!(self.honestly(Request::Disconnect), Some(Outcome::Disconnected));
    }

    /// What comes of a request with a module that answers as it should; what it says may have to wait for older time-outs.
    fn honestly(&mut self, request: Request) -> Option<Outcome> {
        self.submit(request);
        for _ in 0..DEADLINES {
            while self.answer() {}
            if self.tickets.is_empty() {
                break;
            }
            self.now = self.driver.deadline().unwrap_or(self.now).max(self.now);
            self.look();
        }
        self.last.take()
    }
}

/// What brings a module back from data mode and from multiplexer mode (3GPP TS 27.010, 5.4.6.3.3).
const RESCUES: [&[u8]; 2] = [b"+++", b"\xf9\x03\xef\x05\xc3\x01\xf2\xf9"];

/// One command line, one whole payload, or one whole rescue.
fn is_legal(bytes: &[u8]) -> bool {
    let is_command = bytes
        .strip_prefix(b"AT")
        .and_then(|rest| rest.strip_suffix(b"\r"))
        .is_some_and(|rest| !rest.iter().any(u8::is_ascii_control));
    is_command || PAYLOADS.contains(&bytes) || RESCUES.contains(&bytes)
}
