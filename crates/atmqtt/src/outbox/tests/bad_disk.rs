//! Disks that lose what was not synced, that are full, and that fail.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use super::*;
use crate::{Modem, MqttOptions, QoS, Spool, SpoolEvent};
use redb::StorageBackend;

#[derive(Debug, Clone)]
enum Did {
    Length(usize),
    Write(usize, Vec<u8>),
    Sync,
}

/// A disk that remembers everything that was done to it.
#[derive(Debug, Default)]
struct Record {
    content: Vec<u8>,
    done: Vec<Did>,
    /// How many bytes it can have. Places that nothing was written to take none, as on most file systems.
    room: Option<usize>,
    taken: BTreeSet<usize>,
    /// Fails from then on, counted in writes and syncs.
    fails_in: Option<usize>,
}

#[derive(Debug, Clone, Default)]
struct Disk(Arc<Mutex<Record>>);

const BLOCK: usize = 512;

impl Disk {
    fn of(content: Vec<u8>) -> Disk {
        let taken = (0..content.len().div_ceil(BLOCK)).collect();
        Disk(Arc::new(Mutex::new(Record { content, taken, ..Record::default() })))
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap()
    }

    fn open(&self) -> Result<Outbox, OutboxError> {
        let disk = self.clone();
        let opener = move || file::open_on(disk.clone()).map_err(|fault| fault.told(Path::new("disk")));
        Outbox::on(Path::new("disk"), Box::new(opener), Some(small(1000, 1_000_000, WhenFull::Refuse)))
    }
}

impl Record {
    fn check(&mut self) -> io::Result<()> {
        match &mut self.fails_in {
            None => Ok(()),
            Some(0) => Err(io::Error::from_raw_os_error(5)),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.record().content.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let record = self.record();
        let from = record.content.get(index(offset)..index(offset) + out.len());
        out.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut record = self.record();
        record.check()?;
        record.content.resize(index(len), 0);
        record.taken.retain(|block| block * BLOCK < index(len));
        record.done.push(Did::Length(index(len)));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut record = self.record();
        record.check()?;
        record.done.push(Did::Sync);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut record = self.record();
        record.check()?;
        let at = index(offset);
        let blocks = at / BLOCK..(at + data.len()).div_ceil(BLOCK);
        let more = blocks.clone().filter(|block| !record.taken.contains(block)).count();
        if record.room.is_some_and(|room| (record.taken.len() + more) * BLOCK > room) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        record.taken.extend(blocks);
        record.content[at..at + data.len()].copy_from_slice(data);
        record.done.push(Did::Write(at, data.to_vec()));
        Ok(())
    }
}

/// What is on a disk after a power loss: all that was synced; of what was not, some of it, in pieces.
fn after_power_loss(start: &[u8], done: &[Did], dice: &mut Dice) -> Vec<u8> {
    let synced = done.iter().rposition(|did| matches!(did, Did::Sync)).map_or(0, |last| last + 1);
    let kind = dice.roll(4);
    let mut content = start.to_vec();
    for (number, did) in done.iter().enumerate() {
        let lost = number >= synced && (kind == 0 || (kind > 1 && dice.roll(2) == 0));
        match did {
            // A file that has not grown cannot have been written to beyond its end; some length it must have.
            Did::Length(length) if !lost || *length > content.len() => content.resize(*length, 0),
            Did::Write(at, bytes) if !lost => {
                let torn = number >= synced && kind == 3;
                for (piece, part) in bytes.chunks(BLOCK).enumerate() {
                    if !torn || dice.roll(2) == 0 {
                        content[at + piece * BLOCK..][..part.len()].copy_from_slice(part);
                    }
                }
            }
            Did::Length(_) | Did::Write(..) | Did::Sync => {}
        }
    }
    content
}

/// What somebody was told, and how much had been done to the disk by then.
#[derive(Debug, Clone)]
enum Told {
    Accepted(u64),
    Done(u64),
}

/// Some work on a fresh disk: how it was before, what was done to it, and what was told when.
fn work(seed: u64) -> (Vec<u8>, Vec<Did>, Vec<(usize, Told)>) {
    let disk = Disk::default();
    file::make_on(disk.clone()).unwrap();
    let start = disk.record().content.clone();
    disk.record().done.clear();
    let (mut dice, mut told, mut there) = (Dice(seed), Vec::new(), VecDeque::new());
    let outbox = disk.open().unwrap();
    for number in 0..12 {
        let mut pushed = numbered(number);
        let length = if dice.roll(4) == 0 { 9_000 } else { 10 };
        pushed.payload.push(b' ');
        pushed.payload.resize(length, b'x');
        there.push_back((number, outbox.push(at(0), &pushed, None).unwrap().id));
        told.push((disk.record().done.len(), Told::Accepted(number)));
        if dice.roll(3) == 0 {
            let (number, id) = there.pop_front().unwrap();
            assert!(outbox.mark_sent(id).unwrap() && outbox.done(id).unwrap());
            told.push((disk.record().done.len(), Told::Done(number)));
        }
    }
    drop(outbox);
    let done = disk.record().done.clone();
    (start, done, told)
}

/// The power goes off before, behind and between all writes. What was accepted and not done is there, whole and in order; what nobody
/// was told of may be there or not, but as a whole.
#[test]
fn a_power_loss_at_any_moment_loses_nothing_that_was_accepted() {
    let mut dice = Dice(7);
    for seed in 0..4 {
        let (start, done, told) = work(seed);
        assert!(done.iter().filter(|did| matches!(did, Did::Sync)).count() > 20);
        for moment in 0..=done.len() {
            for _ in 0..2 {
                let content = after_power_loss(&start, &done[..moment], &mut dice);
                let context = format!("seed {seed}, {moment} of {}", done.len());
                let outbox = Disk::of(content).open().unwrap_or_else(|fault| panic!("{context}: {fault}"));
                let there: Vec<u64> = payloads(&outbox)
                    .iter()
                    .map(|payload| {
                        let (number, rest) = payload.split_once(' ').unwrap();
                        assert!(rest.bytes().all(|byte| byte == b'x'), "{context}");
                        number.parse().unwrap()
                    })
                    .collect();
                let by = |limit: usize| {
                    let mut known = Vec::new();
                    for (_, told) in told.iter().take_while(|(when, _)| *when <= limit) {
                        match told {
                            Told::Accepted(number) => known.push(*number),
                            Told::Done(number) => known.retain(|there| there != number),
                        }
                    }
                    known
                };
                // What was told, or what the call that was running would have told.
                let count = told.iter().filter(|(when, _)| *when <= moment).count();
                let running = told.get(count).map_or(usize::MAX, |(when, _)| *when);
                assert!(there == by(moment) || there == by(running), "{context}: {there:?}, not {:?}", by(moment));
                assert_balanced(&outbox.status(at(0)).unwrap());
                outbox.push(at(1), &numbered(99), None).unwrap();
            }
        }
    }
}

/// A crash while a file is repaired after a crash.
#[test]
fn a_power_loss_while_it_is_opened_again_loses_nothing() {
    let mut dice = Dice(3);
    let (start, done, _) = work(0);
    for moment in (0..done.len()).step_by(5) {
        let content = after_power_loss(&start, &done[..moment], &mut dice);
        let disk = Disk::of(content.clone());
        let expected = payloads(&disk.open().unwrap());
        let repair = disk.record().done.clone();
        for again in 0..=repair.len() {
            let disk = Disk::of(after_power_loss(&content, &repair[..again], &mut dice));
            let there = disk.open().map(|outbox| payloads(&outbox));
            assert_eq!(there.as_ref(), Ok(&expected), "{moment}, and {again} of {}", repair.len());
        }
    }
}

#[test]
fn a_full_disk_is_said_and_loses_nothing() {
    let disk = Disk::default();
    file::make_on(disk.clone()).unwrap();
    let outbox = disk.open().unwrap();
    let room = disk.record().taken.len() * BLOCK + 64 * 1024;
    disk.record().room = Some(room);
    let mut accepted = Vec::new();
    let refused = loop {
        let number = accepted.len() as u64;
        match outbox.push(at(0), &message("t", format!("{number} {}", "x".repeat(3000))), None) {
            Ok(_) => accepted.push(number),
            Err(fault) => break fault,
        }
    };
    assert!(matches!(refused, OutboxError::NoSpace { .. }), "{refused}");
    assert!(accepted.len() > 3);
    for _ in 0..3 {
        let refused = outbox.push(at(0), &message("t", "x".repeat(3000)), None).unwrap_err();
        assert!(matches!(refused, OutboxError::NoSpace { .. }), "{refused}");
    }
    disk.record().room = None;
    let numbers = |outbox: &Outbox| -> Vec<u64> {
        payloads(outbox).iter().map(|payload| payload.split_once(' ').unwrap().0.parse().unwrap()).collect()
    };
    assert_eq!(numbers(&outbox), accepted);
    outbox.push(at(0), &message("t", format!("{} x", accepted.len())), None).unwrap();
    accepted.push(accepted.len() as u64);
    assert_eq!(numbers(&outbox), accepted);
    assert_balanced(&outbox.status(at(0)).unwrap());
    drop(outbox);
    assert_eq!(numbers(&disk.open().unwrap()), accepted);
}

/// The disk fails at every write and sync of some calls in turn, and works again then.
#[test]
fn a_disk_that_fails_for_a_while_loses_nothing_and_keeps_nothing_that_was_refused() {
    for fails_in in 0..60 {
        let disk = Disk::default();
        file::make_on(disk.clone()).unwrap();
        let outbox = disk.open().unwrap();
        outbox.push(at(0), &numbered(1000), None).unwrap();
        disk.record().fails_in = Some(fails_in);
        let mut expected = vec!["1000".to_owned()];
        for number in 0..4 {
            match outbox.push(at(0), &numbered(number), None) {
                Ok(_) => expected.push(number.to_string()),
                Err(fault) => assert!(matches!(fault, OutboxError::Io { .. }), "{fails_in}: {fault}"),
            }
        }
        disk.record().fails_in = None;
        assert_eq!(payloads(&outbox), expected, "fails in {fails_in}");
        let status = outbox.status(at(0)).unwrap();
        assert_eq!(status.accepted, expected.len() as u64, "fails in {fails_in}");
        assert_balanced(&status);
        let first = outbox.next(None).unwrap().unwrap().id;
        assert!(outbox.done(first).unwrap());
        expected.remove(0);
        drop(outbox);
        assert_eq!(payloads(&disk.open().unwrap()), expected, "fails in {fails_in}");
    }
}

/// The lock is free while a file is closed after a fault. What another program has put there in that time has been accepted.
#[test]
fn what_another_program_accepted_meanwhile_is_not_taken_back() {
    let disk = Disk::default();
    file::make_on(disk.clone()).unwrap();
    let outbox = disk.open().unwrap();
    outbox.push(at(0), &numbered(0), None).unwrap();
    disk.record().fails_in = Some(0);
    outbox.push(at(0), &numbered(1), None).unwrap_err();
    disk.record().fails_in = None;
    let other = disk.open().unwrap();
    other.push(at(0), &numbered(2), None).unwrap();
    drop(other);
    assert_eq!(payloads(&outbox), ["0", "2"]);
    let next = outbox.push(at(0), &numbered(3), None).unwrap();
    assert_eq!(outbox.batch(None, 9).unwrap().last().unwrap().id, next.id);
    assert_balanced(&outbox.status(at(0)).unwrap());
}

/// Nobody sends the rest, or says so, if the one who sends gives up.
#[tokio::test]
async fn sending_waits_for_a_disk_that_is_full_for_a_while() {
    let disk = Disk::default();
    file::make_on(disk.clone()).unwrap();
    let mut spool = Spool::new(disk.open().unwrap());
    let mut events = spool.events();
    for payload in ["1", "2"] {
        spool.publish("t", payload, QoS::AtLeastOnce, false, None).await.unwrap();
    }
    let mock = atmqtt_mock::Mock::builder().start().unwrap();
    let modem = Modem::open(&mock.path().to_string_lossy()).await.unwrap();
    let options = MqttOptions::new(mock.broker_url().unwrap().parse().unwrap(), "gateway".try_into().unwrap());
    let client = modem.mqtt(options).connect().await.unwrap();
    disk.record().room = Some(0);
    let sending = tokio::spawn({
        let spool = spool.clone();
        async move { spool.send_all(&client).await }
    });
    let told = tokio::time::timeout(Duration::from_secs(30), events.recv()).await.expect("it is told");
    assert!(matches!(told, Some(SpoolEvent::Stalled(OutboxError::NoSpace { .. }))), "{told:?}");
    disk.record().room = None;
    sending.await.unwrap().unwrap();
    assert_eq!(spool.status().await.unwrap().messages, 0);
    let arrived: Vec<Vec<u8>> = mock.broker().unwrap().published().into_iter().map(|it| it.message.payload).collect();
    assert_eq!(arrived, [b"1", b"2"]);
}

/// The broker has it, and the disk does not let it be taken out: it is not sent again for that.
#[tokio::test]
async fn what_is_delivered_is_not_sent_again_because_the_disk_fails() {
    let disk = Disk::default();
    file::make_on(disk.clone()).unwrap();
    let mut spool = Spool::new(disk.open().unwrap());
    let mut events = spool.events();
    let id = spool.publish("t", "1", QoS::AtLeastOnce, false, None).await.unwrap().id;
    // How much of the disk it takes to mark it, as another disk shows.
    let twin = Disk::of(disk.record().content.clone());
    let outbox = twin.open().unwrap();
    let writes = |disk: &Disk| disk.record().done.iter().filter(|did| !matches!(did, Did::Length(_))).count();
    let before = writes(&twin);
    assert!(outbox.mark_sent(id).unwrap());
    disk.record().fails_in = Some(writes(&twin) - before);

    let mock = atmqtt_mock::Mock::builder().start().unwrap();
    let modem = Modem::open(&mock.path().to_string_lossy()).await.unwrap();
    let options = MqttOptions::new(mock.broker_url().unwrap().parse().unwrap(), "gateway".try_into().unwrap());
    let client = modem.mqtt(options).connect().await.unwrap();
    let sending = tokio::spawn({
        let spool = spool.clone();
        async move { spool.send_all(&client).await }
    });
    let next = async |events: &mut tokio::sync::mpsc::UnboundedReceiver<SpoolEvent>| {
        tokio::time::timeout(Duration::from_secs(30), events.recv()).await.expect("it is told").unwrap()
    };
    let told = next(&mut events).await;
    assert!(matches!(told, SpoolEvent::Stalled(OutboxError::Io { .. })), "{told:?}");
    disk.record().fails_in = None;
    // It may have been tried once more before the disk was mended.
    let told = loop {
        match next(&mut events).await {
            SpoolEvent::Stalled(OutboxError::Io { .. }) => {}
            told => break told,
        }
    };
    assert!(matches!(told, SpoolEvent::Delivered { id: told, duplicate: false, .. } if told == id), "{told:?}");
    sending.await.unwrap().unwrap();
    assert_eq!(spool.status().await.unwrap().messages, 0);
    assert_eq!(mock.broker().unwrap().published().len(), 1);
}
