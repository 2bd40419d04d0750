//! Every dialogue in `fixtures/` is held: whole, and byte by byte. `fixtures/README.md` describes the format.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use atmqtt_modem::at::{Command, Line, Text, Time};
use atmqtt_modem::{
    ConnectOptions, Delivery, Driver, DriverOptions, Event, Fault, Filter, LinkState, NetworkOptions, Outcome,
    Outgoing, Output, Profile, QoS, Request, Topic,
};

#[test]
fn every_transcript_is_held() {
    let transcripts = transcripts(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures")));
    assert!(transcripts.len() >= 8, "the fixtures are not where they should be");
    for path in transcripts {
        let text = fs::read_to_string(&path).expect("a transcript");
        for piece in [1, usize::MAX] {
            if let Err(fault) = replay(&text, piece) {
                panic!("{}, in pieces of {piece}: {fault}", path.display());
            }
        }
    }
}

/// The test can fail: a dialogue that is not the driver's is refused, with its line.
#[test]
fn a_wrong_transcript_is_not_held() {
    let text = "title: x\nprofile: lierda-nt26e\n\n@ connected\n! at AT+CSQ\n> AT+CSQ\\r\n";
    for (step, fault) in [
        ("> AT+CIMI\\r\n", "line 6"),
        ("> AT+CSQ\\r\n< \\r\\nOK\\r\\n\n= OK +CSQ: 1,1\n", "line 8"),
        ("> AT+CSQ\\r\n< \\r\\n+ZZZ: 1\\r\\n\\r\\nOK\\r\\n\n= OK\n", "line 8"),
    ] {
        let wrong = text.replace("> AT+CSQ\\r\n", step);
        assert!(replay(&wrong, 1).expect_err("a fault").starts_with(fault), "{step:?}");
    }
}

fn transcripts(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(transcripts(&path));
        } else if path.extension().is_some_and(|extension| extension == "at") {
            found.push(path);
        }
    }
    found.sort();
    found
}

struct Replay {
    driver: Driver,
    now: Time,
    reports: VecDeque<String>,
}

fn replay(text: &str, piece: usize) -> Result<(), String> {
    let (header, _) = text.split_once("\n\n").ok_or("no empty line behind the header")?;
    let profile = header.lines().find_map(|line| line.strip_prefix("profile: ")).ok_or("no profile in the header")?;
    let profile = Arc::new(Profile::named(profile).ok_or("an unknown profile")?.clone());
    let mut options = DriverOptions::default();
    options.profile = Some(profile);
    let mut replay = Replay { driver: Driver::new(options), now: Time::ZERO, reports: VecDeque::new() };
    replay.set_up(Request::Attach)?;
    for (number, line) in text.lines().enumerate().skip(header.lines().count() + 1) {
        replay.step(line, piece).map_err(|fault| format!("line {}: {fault}", number + 1))?;
    }
    replay.nothing_left().map_err(|fault| format!("at the end: {fault}"))
}

impl Replay {
    fn step(&mut self, line: &str, piece: usize) -> Result<(), String> {
        let (kind, rest) = line.split_at_checked(2).unwrap_or((line, ""));
        match kind {
            "" | "# " => Ok(()),
            "@ " => self.set_up(connect()),
            "! " => {
                self.nothing_left()?;
                let submitted = self.driver.submit(self.now, request(rest)?);
                submitted.map(drop).or_else(|refusal| {
                    self.reports.push_back(format!("= {}", refusal.code()));
                    Ok(())
                })
            }
            "> " => {
                let written = self.written();
                same(&written.escape_ascii().to_string(), &bytes(rest)?.escape_ascii().to_string())
            }
            "< " => {
                let bytes = bytes(rest)?;
                for piece in bytes.chunks(piece.min(bytes.len())) {
                    self.driver.receive(self.now, piece);
                }
                Ok(())
            }
            "~ " => {
                self.now += duration(rest)?;
                Ok(())
            }
            "* " | "= " => {
                self.listen();
                same(self.reports.pop_front().as_deref().unwrap_or("nothing"), line)
            }
            _ => Err(format!("{line:?} is no step")),
        }
    }

    /// Does a request with a module to which everything is fine.
    fn set_up(&mut self, request: Request) -> Result<(), String> {
        self.driver.submit(self.now, request).map_err(|refusal| refusal.to_string())?;
        loop {
            let written = String::from_utf8(self.written()).map_err(|fault| fault.to_string())?;
            self.listen();
            if written.is_empty() {
                break;
            }
            let answer = match written.trim_end() {
                "AT+CPIN?" => "+CPIN: READY\r\n\r\nOK",
                "AT+CEREG?" => "+CEREG: 3,1\r\n\r\nOK",
                "AT+CGATT?" => "+CGATT: 1\r\n\r\nOK",
                open if open.starts_with("AT+LMQTTOPEN=") => "OK\r\n\r\n+LMQTTOPEN: 0,0",
                connect if connect.starts_with("AT+LMQTTCONN=") => "OK\r\n\r\n+LMQTTCONN: 0,0,0",
                close if close.starts_with("AT+LMQTTDISC=") || close.starts_with("AT+LMQTTCLOSE=") => "ERROR",
                _ => "OK",
            };
            self.driver.receive(self.now, format!("\r\n{answer}\r\n").as_bytes());
        }
        match self.reports.pop_back().as_deref() {
            Some("= attached" | "= connected") => {
                self.reports.clear();
                Ok(())
            }
            other => Err(format!("the setting up ended with {other:?}")),
        }
    }

    fn written(&mut self) -> Vec<u8> {
        let mut written = Vec::new();
        while !self.driver.transmit().is_empty() {
            written.extend_from_slice(self.driver.transmit());
            let count = self.driver.transmit().len();
            self.driver.transmitted(self.now, count);
            self.listen();
        }
        written
    }

    fn listen(&mut self) {
        while let Some(output) = self.driver.poll(self.now) {
            self.reports.push_back(match output {
                Output::Event(event) => format!("* {}", report(&event)),
                Output::Done(_, outcome) => format!("= {}", end(&outcome)),
            });
        }
    }

    fn nothing_left(&mut self) -> Result<(), String> {
        self.listen();
        same(&self.reports.pop_front().unwrap_or_default(), "")?;
        same(&self.driver.transmit().escape_ascii().to_string(), "")
    }
}

fn same(found: &str, expected: &str) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("expected {expected:?}, found {found:?}")) }
}

fn connect() -> Request {
    let client_id = Text::new("device").expect("a client id");
    let options = ConnectOptions::new("mqtt://broker.example".parse().expect("a broker"), client_id);
    Request::Connect(Box::new(options), NetworkOptions::default())
}

fn request(text: &str) -> Result<Request, String> {
    let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
    let qos = |text: &str| text.parse().ok().and_then(QoS::from_level).ok_or("no QoS");
    let filter = |text: &str| Filter::new(text).map_err(|fault| fault.to_string());
    Ok(match name {
        "connect" => connect(),
        "disconnect" => Request::Disconnect,
        "at" => Request::Raw(Box::new(Command::raw(rest).map_err(|fault| fault.to_string())?)),
        "publish" => {
            let mut words = rest.splitn(3, ' ');
            let mut word = || words.next().ok_or("publish QOS TOPIC PAYLOAD");
            let (qos, topic, payload) = (qos(word()?)?, word()?, bytes(word()?)?);
            let topic = Topic::new(topic).map_err(|fault| fault.to_string())?;
            Request::Publish(Outgoing { topic, payload, qos, retain: false })
        }
        "subscribe" => {
            let (level, name) = rest.split_once(' ').ok_or("subscribe QOS FILTER")?;
            Request::Subscribe(vec![(filter(name)?, qos(level)?)])
        }
        "unsubscribe" => Request::Unsubscribe(vec![filter(rest)?]),
        _ => return Err(format!("{name:?} is no request")),
    })
}

fn report(event: &Event) -> String {
    match event {
        Event::Message(message) => {
            let id = message.packet_id.map_or_else(|| "-".to_owned(), |id| id.to_string());
            format!("message {} {id} {}", message.topic, escaped(&message.payload))
        }
        Event::Link(LinkState::Up) => "link up".to_owned(),
        Event::Link(LinkState::Down) => "link down".to_owned(),
        Event::Link(LinkState::Connecting) => "link connecting".to_owned(),
        Event::LinkLost(loss) => format!("link lost: {loss}"),
        Event::Restarted { .. } => "restarted".to_owned(),
        Event::LateResult { message_id } => format!("late result {message_id}"),
        Event::Unknown(line) => format!("unknown {}", escaped(line.text())),
        Event::Resynchronised { discarded } => format!("resynchronised, {} lines discarded", discarded.len()),
        other => format!("{other:?}"),
    }
}

fn end(outcome: &Result<Outcome, Fault>) -> String {
    match outcome {
        Ok(Outcome::Attached(..)) => "attached".to_owned(),
        Ok(Outcome::Connected) => "connected".to_owned(),
        Ok(Outcome::Disconnected) => "disconnected".to_owned(),
        Ok(Outcome::Subscribed) => "subscribed".to_owned(),
        Ok(Outcome::Unsubscribed) => "unsubscribed".to_owned(),
        Ok(Outcome::Published(Delivery::Delivered)) => "delivered".to_owned(),
        Ok(Outcome::Published(Delivery::Sent)) => "sent".to_owned(),
        Ok(Outcome::Published(Delivery::Unconfirmed(why))) => format!("unconfirmed: {why}"),
        Ok(Outcome::Raw(lines, result)) => {
            let shown = |line: &Line| format!(" {}", escaped(line.text()));
            format!("{result}{}", lines.iter().map(shown).collect::<String>())
        }
        Ok(other) => format!("{other:?}"),
        Err(fault) => fault.code().to_owned(),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or("a time without a unit")?);
    let number = number.parse().map_err(|_| "no number")?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        _ => Err(format!("{unit:?} is no unit of time")),
    }
}

/// Text with `\r`, `\n`, `\t`, `\\` and `\xNN` as bytes.
fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let (byte, tail) = match (first, tail) {
            (b'\\', [b'r', tail @ ..]) => (b'\r', tail),
            (b'\\', [b'n', tail @ ..]) => (b'\n', tail),
            (b'\\', [b't', tail @ ..]) => (b'\t', tail),
            (b'\\', [b'\\', tail @ ..]) => (b'\\', tail),
            (b'\\', [b'x', high, low, tail @ ..]) => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).map_err(|_| "no hexadecimal digits")?;
                (u8::from_str_radix(digits, 16).map_err(|_| "no hexadecimal digits")?, tail)
            }
            (b'\\', _) => return Err("an unknown escape".to_owned()),
            (byte, tail) => (*byte, tail),
        };
        bytes.push(byte);
        rest = tail;
    }
    Ok(bytes)
}

/// Bytes as a transcript writes them.
fn escaped(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string().replace("\\\"", "\"").replace("\\'", "'")
}
