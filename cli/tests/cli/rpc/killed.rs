//! The program is killed, again and again, while messages are accepted, sent and confirmed: what it has accepted reaches the broker, in
//! its order, and twice comes only what was in flight.
//!
//! `ATMQTT_RPC_KILLS` says how often; 10 times unless it does. `ATMQTT_RPC_KILLS_SEED` draws the moments; what they meet is up to the machine.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use atmqtt::outbox::{Now, Outbox, OutboxError};
use atmqtt_mock::broker::{BrokerOptions, Publication};
use atmqtt_mock::modem::{Latency, ModemOptions, NT35E};
use atmqtt_mock::{Builder, Mock};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use crate::program::{Running, broker, port, run, url};

/// Requests that are not answered yet.
const OUTSTANDING: usize = 12;
/// Messages that may be in the outbox before no more are published: what is tested is the way through it, not its size.
const WAITING: u64 = 30;
/// Topics, each with an order of its own.
const TOPICS: u64 = 3;
/// Kills in a life's first moments: while it starts, opens the outbox, finds the module, signs in.
const EARLY: u64 = 300;
/// Kills while messages are accepted and sent, so many milliseconds behind the first that is.
const LATE: u64 = 400;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// A message of this number: small ones, and some that a pseudo-terminal does not take at once.
fn numbered(number: u64) -> (String, String) {
    let length = if number.is_multiple_of(8) { 1200 } else { usize::try_from(number * 7919 % 100).expect("small") };
    (format!("t/{}", number % TOPICS), format!("{number} {}", "x".repeat(length)))
}

/// The number of a message, which is whole.
fn number_of(topic: &str, payload: &[u8]) -> u64 {
    let text = std::str::from_utf8(payload).expect("a text");
    let number = text.split_once(' ').expect("a number").0.parse().expect("a number");
    assert_eq!((topic.to_owned(), text.to_owned()), numbered(number), "what arrives is what was sent");
    number
}

/// What is known of the messages, over all lives.
#[derive(Debug, Default)]
struct Books {
    next: u64,
    accepted: BTreeSet<u64>,
    /// How many kills have found the message in flight.
    in_flight: BTreeMap<u64, u64>,
    /// Kills before a life had accepted anything, and those that have found something in flight.
    early: u64,
    in_the_midst: u64,
}

impl Books {
    fn take(&mut self, line: &str) -> bool {
        // The last line of one that is killed may be a part of one.
        let Ok(line) = serde_json::from_str::<Value>(line) else { return false };
        let Some(id) = line["id"].as_u64() else { return false };
        if line["result"]["outcome"] == "accepted" {
            self.accepted.insert(id);
        } else if line.get("result").is_none() {
            panic!("{line}");
        }
        line["result"]["outcome"] == "accepted"
    }

    /// Looks at the outbox as the kill has left it: at a copy, so that the next life finds what a crash leaves.
    fn look_at(&mut self, outbox: &Path) {
        let copy = outbox.with_extension("copy");
        match fs::copy(outbox, &copy) {
            Ok(_) => {}
            Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => return,
            Err(fault) => panic!("{fault}"),
        }
        let there = match Outbox::open_existing(&copy) {
            Ok(outbox) => outbox.batch(None, usize::MAX).expect("it can be read"),
            Err(OutboxError::NotFound { .. }) => Vec::new(),
            Err(fault) => panic!("{fault}"),
        };
        let sent: Vec<_> = there.iter().filter(|queued| queued.sent > 0).collect();
        self.in_the_midst += u64::from(!sent.is_empty());
        for queued in sent {
            let message = &queued.message;
            *self.in_flight.entry(number_of(message.topic.text().as_str(), &message.payload)).or_default() += 1;
        }
    }

    /// Judges what the broker has got, and gives how much of it came more than once.
    fn judge(&self, published: &[Publication]) -> u64 {
        let (mut times, mut latest) = (BTreeMap::<u64, u64>::new(), BTreeMap::new());
        for publication in published {
            let message = &publication.message;
            let number = number_of(&message.topic, &message.payload);
            assert!(number < self.next, "{number} was never published");
            let count = times.entry(number).or_default();
            *count += 1;
            if *count == 1 {
                let before = latest.insert(message.topic.clone(), number);
                assert!(before < Some(number), "{number} came behind {before:?}, on one topic");
            }
        }
        let lost: Vec<_> = self.accepted.iter().filter(|number| !times.contains_key(number)).collect();
        assert!(lost.is_empty(), "accepted and lost: {lost:?}");
        for (number, times) in &times {
            let marked = self.in_flight.get(number).copied().unwrap_or_default();
            assert!(times - 1 <= marked, "{number} came {times} times, and was in flight at {marked} kills");
        }
        times.values().map(|times| times - 1).sum()
    }
}

/// A module that takes its time, so that kills meet commands on the wire, answers on their way and confirmations that are still to come.
fn module() -> Builder {
    let latency = Latency { command: Duration::from_millis(2), open: Duration::from_millis(20), ..Latency::default() };
    let modem = ModemOptions { model: NT35E, latency, ..ModemOptions::default() };
    let broker = BrokerOptions::new().max_record(usize::MAX);
    Mock::builder().modem(modem).baud(115_200).broker_options(broker)
}

struct Bench {
    mock: Mock,
    outbox: PathBuf,
    books: Books,
    random: fastrand::Rng,
}

impl Bench {
    fn arguments(&self) -> Vec<&str> {
        let outbox = self.outbox.to_str().expect("UTF-8");
        let of_port = ["--port", port(&self.mock), "--baud", "115200", "--broker", url(&self.mock)];
        [of_port.as_slice(), &["-i", "gateway", "--outbox", outbox]].concat()
    }

    /// A life of the program, with as many messages as it takes, until it is killed.
    async fn live(&mut self) {
        let mut program = Running::start(&[&["rpc"], self.arguments().as_slice()].concat());
        let connect = json!({"jsonrpc": "2.0", "id": "connect", "method": "connect", "params": {}});
        program.write(&format!("{connect}\n")).await;
        let is_early = self.random.u8(..4) == 0;
        let mut deadline = Instant::now() + Duration::from_millis(self.random.u64(..EARLY));
        let (mut outstanding, mut accepted) = (0, 0_u64);
        let broker = broker(&self.mock);
        loop {
            let published = broker.wait_for(|_| true).await.expect("it runs").published;
            let waiting = (self.books.accepted.len() as u64).saturating_sub(published);
            let mut requests = String::new();
            while outstanding < OUTSTANDING && waiting < WAITING {
                let (topic, payload) = numbered(self.books.next);
                let params = json!({"topic": topic, "payload": payload, "qos": 1, "durable": true});
                let request = json!({"jsonrpc": "2.0", "id": self.books.next, "method": "publish", "params": params});
                requests.push_str(&format!("{request}\n"));
                self.books.next += 1;
                outstanding += 1;
            }
            program.write(&requests).await;
            let line = tokio::select! {
                line = program.next_line() => line.expect("it lives until it is killed"),
                _ = broker.wait_for(|view| view.published > published), if waiting >= WAITING => continue,
                () = sleep_until(deadline), if is_early || accepted > 0 => break,
            };
            if self.books.take(&line) {
                if accepted == 0 && !is_early {
                    deadline = Instant::now() + Duration::from_millis(self.random.u64(..LATE));
                }
                accepted += 1;
                outstanding -= 1;
            }
        }
        program.child.kill().await.expect("it runs");
        while let Some(line) = program.next_line().await {
            accepted += u64::from(self.books.take(&line));
        }
        self.books.early += u64::from(accepted == 0);
        self.books.look_at(&self.outbox);
    }
}

#[tokio::test]
async fn what_is_accepted_reaches_the_broker_however_often_the_program_is_killed() {
    let kills = setting("ATMQTT_RPC_KILLS", 10);
    let seed = setting("ATMQTT_RPC_KILLS_SEED", 1);
    let folder = tempfile::tempdir().expect("a folder");
    let mock = module().start().expect("a mock");
    let outbox = folder.path().join("outbox");
    let mut bench = Bench { mock, outbox, books: Books::default(), random: fastrand::Rng::with_seed(seed) };
    for _ in 0..kills {
        bench.live().await;
    }
    run(&[&["spool", "drain"], bench.arguments().as_slice()].concat()).await.ended(0);
    let Bench { mock, books, outbox, .. } = bench;
    let published = broker(&mock).published();
    let again = books.judge(&published);
    let status = Outbox::open_existing(outbox).expect("an outbox").status(Now::read()).expect("it can be read");
    assert_eq!((status.messages, status.dropped, status.expired), (0, 0, 0));
    assert_eq!(status.accepted, status.delivered);
    assert_eq!(
        status.accepted,
        published.len() as u64 - again,
        "whatever was accepted is with the broker, and nothing else"
    );
    println!(
        "seed {seed}: {kills} kills, {} of them before anything was accepted, {} with a message in flight; \
         {} accepted and told, {} accepted in all, {} at the broker, {again} of them again",
        books.early,
        books.in_the_midst,
        books.accepted.len(),
        status.accepted,
        published.len(),
    );
    assert!(books.in_the_midst > 0, "no kill has met a message in flight");
}
