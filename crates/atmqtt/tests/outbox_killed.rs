//! A process that fills an outbox is killed, again and again: what it was told is on the disk, is there.
//!
//! `ATMQTT_OUTBOX_KILLS` says how often; 40 times unless it does.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use atmqtt::outbox::{Now, Outbox, OutboxError, OutboxOptions};
use atmqtt::{Outgoing, QoS, Topic};

const FILE: &str = "ATMQTT_TEST_OUTBOX";
const FIRST: &str = "ATMQTT_TEST_FIRST";

fn numbered(number: u64) -> Outgoing {
    let payload = format!("{number} {}", "x".repeat(usize::try_from(number * 7919 % 6000).expect("small")));
    let topic = Topic::new("a/b").expect("a topic");
    Outgoing { topic, payload: payload.into_bytes(), qos: QoS::AtLeastOnce, retain: false }
}

/// Without a harness, since the process that is killed is this very program.
fn main() {
    if let Some(file) = env::var_os(FILE) {
        return fill(file.as_ref());
    }
    a_process_that_is_killed_has_lost_nothing_of_what_it_was_told();
    an_outbox_that_another_process_has_is_in_use();
}

/// Fills an outbox, and says what it has accepted, until it is killed.
fn fill(file: &Path) {
    let first: u64 = env::var(FIRST).expect("it works on any sound disk").parse().expect("it works on any sound disk");
    let outbox = Outbox::open(file, OutboxOptions::default()).expect("it works on any sound disk");
    let mut stdout = std::io::stdout();
    for number in first.. {
        let accepted = outbox.push(Now::read(), &numbered(number), None).expect("it works on any sound disk");
        writeln!(stdout, "accepted {number}").expect("it works on any sound disk");
        // Some of it is on its way, too.
        if number % 3 == 0 {
            outbox.mark_sent(accepted.id).expect("it works on any sound disk");
        }
    }
}

fn spawn(file: &Path, first: u64) -> Child {
    let mut command = Command::new(env::current_exe().expect("this test"));
    command.env(FILE, file).env(FIRST, first.to_string()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().expect("it starts")
}

fn accepted(line: &str) -> Option<u64> {
    line.strip_prefix("accepted ")?.parse().ok()
}

/// What was printed as a whole.
fn told(output: &str) -> impl Iterator<Item = u64> {
    output.split_inclusive('\n').filter_map(|line| accepted(line.strip_suffix('\n')?))
}

/// The numbers of all messages, each of which is whole.
fn there(outbox: &Outbox) -> Vec<u64> {
    let all = outbox.batch(None, usize::MAX).expect("it can be read");
    all.into_iter()
        .map(|queued| {
            let text = String::from_utf8(queued.message.payload.clone()).expect("digits");
            let number = text.split_once(' ').expect("a number").0.parse().expect("a number");
            assert_eq!(queued.message, numbered(number));
            number
        })
        .collect()
}

fn a_process_that_is_killed_has_lost_nothing_of_what_it_was_told() {
    let kills: u64 =
        env::var("ATMQTT_OUTBOX_KILLS").map_or(40, |kills| kills.parse().expect("it works on any sound disk"));
    let folder = tempfile::tempdir().expect("it works on any sound disk");
    let file = folder.path().join("outbox");
    let (mut expected, mut first, mut total) = (Vec::new(), 0, 0);
    for kill in 0..kills {
        let mut child = spawn(&file, first);
        // Any moment: while it starts, opens and repairs the file, and while it writes.
        let nanoseconds =
            SystemTime::now().duration_since(UNIX_EPOCH).expect("it works on any sound disk").subsec_nanos();
        sleep(Duration::from_micros(u64::from(nanoseconds / 7 % 80_000)));
        child.kill().expect("it works on any sound disk");
        let mut output = String::new();
        child
            .stdout
            .take()
            .expect("it works on any sound disk")
            .read_to_string(&mut output)
            .expect("it works on any sound disk");
        child.wait().expect("it works on any sound disk");
        let printed: Vec<u64> = told(&output).collect();
        total += printed.len();
        expected.extend(&printed);
        let Some(outbox) = reopened(&file) else {
            assert!(expected.is_empty(), "kill {kill}");
            continue;
        };
        let there = there(&outbox);
        // It may have been killed before it could print what was accepted.
        let unprinted = there.get(expected.len()).copied();
        let next = expected.last().map_or(first, |last| last + 1).max(first);
        assert!(unprinted.is_none() || unprinted == Some(next), "kill {kill}: {unprinted:?}, not {next}");
        expected.extend(unprinted);
        assert_eq!(there, expected, "kill {kill}");
        let status = outbox.status(Now::read()).expect("it works on any sound disk");
        assert_eq!(status.accepted, status.messages + status.delivered);
        // Some are delivered, so that there are gaps to be written into.
        for queued in outbox.batch(None, expected.len() / 2).expect("it works on any sound disk") {
            assert!(outbox.done(queued.id).expect("it works on any sound disk"));
        }
        expected.drain(..expected.len() / 2);
        first = next + 1;
    }
    println!("{kills} kills, {total} messages");
    assert!(total > 0, "it was never killed while it wrote");
}

fn reopened(file: &Path) -> Option<Outbox> {
    match Outbox::open_existing(file) {
        Ok(outbox) => Some(outbox),
        // It was killed before the file had its name.
        Err(OutboxError::NotFound { .. }) => None,
        Err(fault) => panic!("{fault}"),
    }
}

fn an_outbox_that_another_process_has_is_in_use() {
    let folder = tempfile::tempdir().expect("it works on any sound disk");
    let file = folder.path().join("outbox");
    let mut child = spawn(&file, 0);
    let mut lines = BufReader::new(child.stdout.take().expect("it works on any sound disk")).lines();
    lines
        .find(|line| accepted(line.as_ref().expect("it works on any sound disk")).is_some())
        .expect("it works on any sound disk")
        .expect("it works on any sound disk");
    for second in [Outbox::open(&file, OutboxOptions::default()), Outbox::open_existing(&file)] {
        let refused = second.expect_err("it is in use");
        assert!(matches!(refused, OutboxError::InUse { .. }), "{refused}");
        assert!(refused.is_retryable());
    }
    child.kill().expect("it works on any sound disk");
    child.wait().expect("it works on any sound disk");
    assert!(Outbox::open_existing(&file).is_ok());
}
