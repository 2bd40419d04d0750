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

/// Not a test by itself: the process that is killed.
#[test]
#[ignore = "it is run by the others"]
fn child() {
    let Some(file) = env::var_os(FILE) else { return };
    let first: u64 = env::var(FIRST).unwrap().parse().unwrap();
    let outbox = Outbox::open(file, OutboxOptions::default()).unwrap();
    let mut stdout = std::io::stdout();
    writeln!(stdout).unwrap();
    for number in first.. {
        let accepted = outbox.push(Now::read(), &numbered(number), None).unwrap();
        writeln!(stdout, "accepted {number}").unwrap();
        // Some of it is on its way, too.
        if number % 3 == 0 {
            outbox.mark_sent(accepted.id).unwrap();
        }
    }
}

fn spawn(file: &Path, first: u64) -> Child {
    let mut command = Command::new(env::current_exe().expect("this test"));
    command.args(["--exact", "child", "--ignored", "--nocapture"]);
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

#[test]
fn a_process_that_is_killed_has_lost_nothing_of_what_it_was_told() {
    let kills: u64 = env::var("ATMQTT_OUTBOX_KILLS").map_or(40, |kills| kills.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("outbox");
    let (mut expected, mut first, mut total) = (Vec::new(), 0, 0);
    for kill in 0..kills {
        let mut child = spawn(&file, first);
        // Any moment: while it starts, opens and repairs the file, and while it writes.
        let nanoseconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
        sleep(Duration::from_micros(u64::from(nanoseconds / 7 % 80_000)));
        child.kill().unwrap();
        let mut output = String::new();
        child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
        child.wait().unwrap();
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
        let status = outbox.status(Now::read()).unwrap();
        assert_eq!(status.accepted, status.messages + status.delivered);
        // Some are delivered, so that there are gaps to be written into.
        for queued in outbox.batch(None, expected.len() / 2).unwrap() {
            assert!(outbox.done(queued.id).unwrap());
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

#[test]
fn an_outbox_that_another_process_has_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("outbox");
    let mut child = spawn(&file, 0);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.find(|line| accepted(line.as_ref().unwrap()).is_some()).unwrap().unwrap();
    for second in [Outbox::open(&file, OutboxOptions::default()), Outbox::open_existing(&file)] {
        let refused = second.unwrap_err();
        assert!(matches!(refused, OutboxError::InUse { .. }), "{refused}");
        assert!(refused.is_retryable());
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(Outbox::open_existing(&file).is_ok());
}
