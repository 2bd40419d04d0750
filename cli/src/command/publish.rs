//! `atmqtt pub`: publishes messages, one after the other.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use atmqtt::{Client, Delivery, Modem, Outgoing, Profile, QoS, Topic};
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader, Stdin, stdin};

use super::Context;
use crate::args::{Payload, Publish};
use crate::attached::{Attached, ended};
use crate::encoding::{from_base64, from_hex};
use crate::exit::{Exit, Failure, Halt};
use crate::guard::{Guard, Stage};
use crate::render::{Look, Results, json};
use crate::secret::Secrets;
use crate::settings::{self, Line, Session};

/// The longest input that is read for one message, in bytes: far beyond what any module takes, and still no danger to the
/// host's memory. Twice as long for digits and line ends.
const LONGEST: u64 = 1 << 20;

pub(super) async fn run(typed: Publish, context: Context) -> Result<Exit, Halt> {
    let Context { global, environment, mut secrets, look, deadline, mut results } = context;
    let topic = Topic::new(&typed.topic).map_err(settings::refused_topic)?;
    if typed.stdin_line {
        secrets.claim_stdin("-l")?;
    }
    claim_stdin(&typed.payload, &mut secrets)?;
    let line = Line::resolve(&global, &environment, &mut secrets)?;
    let session = Session::resolve(&global, &environment, &line, &mut secrets)?;
    let mut guard = Guard::new(deadline)?;
    let encoding = Encoding::of(&typed.payload);
    let payload = match typed.stdin_line {
        true => None,
        false => Some(guard.run(Stage::Reading, read(typed.payload)).await?),
    };

    // The first message stands for all, as far as it is known.
    let known = payload.clone().unwrap_or_default();
    check(line.profile.as_ref(), &Outgoing { topic, payload: known, qos: typed.qos, retain: typed.retain })?;

    let mut messages = match payload {
        Some(payload) => Messages::Same { payload, left: typed.repeat, pause: typed.repeat_delay, is_first: true },
        None => Messages::Lines { lines: BufReader::new(stdin()), encoding },
    };
    let attached = Attached::open(line, global.display.debug, look, &mut guard).await?;
    let outcome = async {
        let client = attached.connect(session, None, &mut guard).await?;
        let mut publisher = Publisher {
            modem: attached.modem.clone(),
            client,
            topic: typed.topic,
            qos: typed.qos,
            retain: typed.retain,
            tally: Tally::default(),
        };
        let outcome = publisher.publish_all(&mut messages, look, &mut guard, &mut results).await;
        publisher.tally.tell(look, outcome.is_err());
        outcome.map(|()| publisher.tally.exit())
    }
    .await;
    attached.close(outcome).await
}

/// How the payload is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Plain,
    Hex,
    Base64,
}

impl Encoding {
    fn of(typed: &Payload) -> Encoding {
        match (typed.hex, typed.base64) {
            (true, _) => Encoding::Hex,
            (_, true) => Encoding::Base64,
            _ => Encoding::Plain,
        }
    }

    fn decode(self, written: Vec<u8>) -> Result<Vec<u8>, Failure> {
        match self {
            Encoding::Plain => Ok(written),
            Encoding::Hex => from_hex(&written),
            Encoding::Base64 => from_base64(&written),
        }
        .map_err(|fault| Failure::new("input.encoding", format!("the payload cannot be decoded: {fault}")))
    }
}

/// Whoever reads the payload from stdin has it for that alone.
pub(super) fn claim_stdin(typed: &Payload, secrets: &mut Secrets) -> Result<(), Failure> {
    if typed.stdin_file { secrets.claim_stdin("-s") } else { Ok(()) }
}

/// Refuses what the profile, or every profile, cannot publish.
pub(super) fn check(profile: Option<&Profile>, message: &Outgoing) -> Result<(), Failure> {
    settings::check(profile, |profile| {
        let dialect = atmqtt::dialect::named(&profile.model.dialect);
        dialect.map_or(Ok(()), |dialect| profile.check_publish(dialect, message))
    })
}

/// The payload.
pub(super) async fn read(typed: Payload) -> Result<Vec<u8>, Failure> {
    let encoding = Encoding::of(&typed);
    let written = if let Some(text) = typed.message {
        text.into_bytes()
    } else if let Some(path) = typed.file {
        let read = tokio::task::spawn_blocking(move || read_file(&path)).await;
        read.map_err(|fault| Failure::new("internal.reader", fault.to_string()))??
    } else if typed.stdin_file {
        read_all(stdin()).await?
    } else {
        Vec::new()
    };
    encoding.decode(written)
}

fn read_file(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut content = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut content));
    read.map_err(|fault| Failure::new("input.unreadable", format!("{} cannot be read: {fault}", path.display())))?;
    bounded(content)
}

async fn read_all(input: impl AsyncRead + Unpin) -> Result<Vec<u8>, Failure> {
    let mut content = Vec::new();
    input.take(LONGEST + 1).read_to_end(&mut content).await.map_err(|fault| unreadable_stdin(&fault))?;
    bounded(content)
}

fn bounded(content: Vec<u8>) -> Result<Vec<u8>, Failure> {
    if content.len() as u64 <= LONGEST {
        return Ok(content);
    }
    Err(Failure::new("input.too_long", format!("the payload is longer than {LONGEST} bytes"))
        .help("no module takes a hundredth of it"))
}

fn unreadable_stdin(fault: &std::io::Error) -> Failure {
    Failure::new("input.unreadable", format!("stdin cannot be read: {fault}"))
}

/// What is still to be published.
#[derive(Debug)]
enum Messages {
    /// The same again and again.
    Same { payload: Vec<u8>, left: u64, pause: Duration, is_first: bool },
    /// A message per line of stdin.
    Lines { lines: BufReader<Stdin>, encoding: Encoding },
}

impl Messages {
    /// The next payload; `None` at the end.
    async fn next(&mut self, guard: &mut Guard) -> Result<Option<Vec<u8>>, Halt> {
        match self {
            Messages::Same { left: 0, .. } => Ok(None),
            Messages::Same { payload, left, pause, is_first } => {
                *left -= 1;
                if !std::mem::take(is_first) {
                    guard.pause(*pause).await?;
                }
                Ok(Some(payload.clone()))
            }
            Messages::Lines { lines, encoding } => {
                let line = guard.run(Stage::Reading, next_line(lines)).await?;
                Ok(line.map(|line| encoding.decode(line)).transpose()?)
            }
        }
    }
}

/// The next line that is not empty, without its line feed.
async fn next_line(lines: &mut (impl AsyncBufReadExt + Unpin)) -> Result<Option<Vec<u8>>, Failure> {
    loop {
        let mut line = Vec::new();
        let limited = &mut (&mut *lines).take(LONGEST + 1);
        if limited.read_until(b'\n', &mut line).await.map_err(|fault| unreadable_stdin(&fault))? == 0 {
            return Ok(None);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        if !line.is_empty() {
            return bounded(line).map(Some);
        }
    }
}

/// Publishes, and counts.
struct Publisher {
    modem: Modem,
    client: Client,
    topic: String,
    qos: QoS,
    retain: bool,
    tally: Tally,
}

impl Publisher {
    /// Stops at the first message that was not published; one whose outcome is unknown does not stop it.
    async fn publish_all(
        &mut self,
        messages: &mut Messages,
        look: Look,
        guard: &mut Guard,
        results: &mut Results,
    ) -> Result<(), Halt> {
        loop {
            // Who waits for the next line does not want to wait on a connection that is gone.
            let next = tokio::select! {
                // What is done is done, even if the connection ends right then.
                biased;
                next = messages.next(guard) => next?,
                lost = ended(&self.modem, &self.client) => return Err(lost.into()),
            };
            let Some(payload) = next else { return Ok(()) };
            let began = Instant::now();
            let publish = self.client.publish(&self.topic, payload).qos(self.qos).retain(self.retain);
            let published = guard.run(Stage::Publishing, async { publish.await }).await;
            let (outcome, elapsed, overrun) = match published {
                Ok(receipt) => (Outcome::of(&receipt.delivery), receipt.elapsed, None),
                Err(Halt::Failed(overrun)) if overrun.exit() == Exit::Unconfirmed => {
                    let outcome = Outcome::Unconfirmed("there was no more time".to_owned());
                    (outcome, began.elapsed(), Some(overrun))
                }
                Err(halt) => return Err(halt),
            };
            self.tally.count(&outcome);
            let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
            look.status(format_args!("{}: {} ({elapsed_ms} ms)", self.topic, outcome.in_words()));
            if look.json {
                let line = ReceiptLine { outcome: outcome.name(), elapsed_ms, topic: &self.topic };
                guard.tell(results.line(json(&line))).await?;
            }
            if let Some(overrun) = overrun {
                return Err(overrun.into());
            }
        }
    }
}

#[derive(Serialize)]
struct ReceiptLine<'a> {
    outcome: &'static str,
    elapsed_ms: u64,
    topic: &'a str,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Delivered,
    /// At QoS 0 nobody says more.
    Sent,
    /// Why nothing is known.
    Unconfirmed(String),
}

impl Outcome {
    pub(super) fn of(delivery: &Delivery) -> Outcome {
        match delivery {
            Delivery::Delivered { .. } => Outcome::Delivered,
            Delivery::Sent => Outcome::Sent,
            Delivery::Unconfirmed(why) => Outcome::Unconfirmed(why.to_string()),
            _ => Outcome::Unconfirmed("the outcome has no name here".to_owned()),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Outcome::Delivered => "delivered",
            Outcome::Sent => "sent",
            Outcome::Unconfirmed(_) => "unconfirmed",
        }
    }

    pub(super) fn in_words(&self) -> String {
        match self {
            Outcome::Unconfirmed(why) => format!("unconfirmed: {why}"),
            _ => self.name().to_owned(),
        }
    }
}

/// How many messages came to what.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tally {
    published: u64,
    unconfirmed: u64,
}

impl Tally {
    fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Delivered | Outcome::Sent => self.published += 1,
            Outcome::Unconfirmed(_) => self.unconfirmed += 1,
        }
    }

    /// Says how far it came, where one line for one message has not said it all.
    fn tell(self, look: Look, stopped: bool) {
        let Tally { published, unconfirmed } = self;
        if stopped || published + unconfirmed > 1 {
            let then = if stopped { "; then it stopped" } else { "" };
            look.status(format_args!("{published} published, {unconfirmed} unconfirmed{then}"));
        }
    }

    fn exit(self) -> Exit {
        if self.unconfirmed == 0 { Exit::Done } else { Exit::Unconfirmed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines(mut input: &[u8]) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut input).await.unwrap() {
            lines.push(line);
        }
        lines
    }

    #[tokio::test]
    async fn each_line_is_a_message_and_empty_ones_are_passed_over() {
        assert_eq!(lines(b"a\n\nb c\n\n\n\xff\r").await, [&b"a"[..], b"b c", b"\xff\r"]);
        assert!(lines(b"").await.is_empty());
        assert!(lines(b"\n\n").await.is_empty());
    }

    #[tokio::test]
    async fn input_without_an_end_is_refused() {
        let failure = read_all(tokio::io::repeat(b'x')).await.unwrap_err();
        assert_eq!(failure.code, "input.too_long");
        let failure = next_line(&mut BufReader::new(tokio::io::repeat(b'x'))).await.unwrap_err();
        assert_eq!(failure.code, "input.too_long");
    }

    #[test]
    fn payloads_are_decoded_as_they_are_written() {
        for (encoding, written, payload) in [
            (Encoding::Plain, "00 ff", &b"00 ff"[..]),
            (Encoding::Hex, "00 ff", b"\0\xff"),
            (Encoding::Base64, "AP8=", b"\0\xff"),
        ] {
            assert_eq!(encoding.decode(written.into()).as_deref(), Ok(payload));
        }
        assert_eq!(Encoding::Hex.decode(b"0".to_vec()).unwrap_err().exit(), Exit::Usage);
    }

    #[test]
    fn one_unconfirmed_message_makes_the_whole_unconfirmed() {
        let mut tally = Tally::default();
        tally.count(&Outcome::Delivered);
        tally.count(&Outcome::Sent);
        assert_eq!((tally.published, tally.exit()), (2, Exit::Done));
        tally.count(&Outcome::Unconfirmed(String::new()));
        assert_eq!(tally.exit(), Exit::Unconfirmed);
    }
}
