//! The disk under the library's outbox: what was not synced is lost when the machine stops, in part or wholly.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use atmqtt::outbox::{Outbox, OutboxOptions};
use redb::StorageBackend;
use tokio::time::Instant;

use crate::random::Random;
use crate::scenario::Full;

/// What is lost or kept as a whole.
const BLOCK: usize = 512;

/// Cheap to clone: all have the same.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    record: Arc<Mutex<Record>>,
    epoch: Instant,
}

/// The disk as one process has it.
#[derive(Debug)]
pub(crate) struct Mount {
    disk: Disk,
    process: u32,
}

/// So much was done to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark(u64);

#[derive(Debug)]
enum Change {
    Length(usize),
    Write(usize, Vec<u8>),
    Sync,
}

#[derive(Debug)]
struct Record {
    /// As it is for who reads it.
    content: Vec<u8>,
    /// As it was before the first of the changes. All of this is kept.
    base: Vec<u8>,
    changes: Vec<Change>,
    /// How many changes came before the first of these.
    before: u64,
    /// So much has been done for certain: somebody was told.
    told: Mark,
    /// The process that has the disk.
    process: u32,
    full: Vec<Full>,
    /// The blocks that take room; one that was never written to takes none.
    taken: Vec<bool>,
}

impl Disk {
    /// One with an empty outbox.
    pub(crate) fn new(full: &[Full]) -> Disk {
        static EMPTY: OnceLock<Vec<u8>> = OnceLock::new();
        let content = EMPTY.get_or_init(|| {
            let disk = Disk::of(Vec::new(), &[]);
            let mount = disk.clone();
            Outbox::on_storage(move || Ok(mount.clone().mount()), OutboxOptions::default()).expect("room for it");
            let record = disk.record();
            record.content.clone()
        });
        Disk::of(content.clone(), full)
    }

    fn of(content: Vec<u8>, full: &[Full]) -> Disk {
        let record = Record {
            base: content.clone(),
            changes: Vec::new(),
            before: 0,
            told: Mark(0),
            process: 0,
            full: full.to_vec(),
            taken: vec![true; content.len().div_ceil(BLOCK)],
            content,
        };
        Disk { record: Arc::new(Mutex::new(record)), epoch: Instant::now() }
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For the process that has it now.
    pub(crate) fn mount(&self) -> Mount {
        Mount { disk: self.clone(), process: self.record().process }
    }

    /// What was done until now.
    pub(crate) fn mark(&self) -> Mark {
        let record = self.record();
        Mark(record.before + record.changes.len() as u64)
    }

    /// The disk has taken its time for what was done until then.
    pub(crate) fn has_done(&self, mark: Mark) {
        let mut record = self.record();
        record.told = record.told.max(mark);
        record.forget();
    }

    /// Another process has the disk from now on.
    pub(crate) fn hand_over(&self) {
        self.has_done(self.mark());
        self.record().process += 1;
    }

    /// The machine stops while the disk does what nobody was told of yet, or after it. What was synced by then is there; of what was
    /// not, all, nothing, some, or pieces.
    pub(crate) fn crash(&self, random: &mut Random) {
        let now = self.mark();
        let mut record = self.record();
        let moment = record.told.0 + random.below(now.0 - record.told.0 + 1);
        let moment = usize::try_from(moment - record.before).unwrap_or(usize::MAX);
        record.changes.truncate(moment);
        let synced = record.synced(moment);
        let unsynced = record.changes.split_off(synced);
        record.fold();
        let kind = random.below(4);
        let mut content = std::mem::take(&mut record.base);
        for change in unsynced {
            let is_lost = kind == 0 || kind > 1 && random.per_mille(500);
            match change {
                // A file that has not grown cannot have been written to beyond its end; some length it must have.
                Change::Length(length) if !is_lost || length > content.len() => content.resize(length, 0),
                Change::Write(at, bytes) if !is_lost => {
                    for (piece, part) in bytes.chunks(BLOCK).enumerate() {
                        if kind < 3 || random.per_mille(500) {
                            content[at + piece * BLOCK..][..part.len()].copy_from_slice(part);
                        }
                    }
                }
                Change::Length(_) | Change::Write(..) | Change::Sync => {}
            }
        }
        record.before = now.0;
        record.told = now;
        record.taken.resize(content.len().div_ceil(BLOCK), true);
        record.content.clone_from(&content);
        record.base = content;
        record.process += 1;
    }
}

impl Record {
    /// Behind the last sync before that place.
    fn synced(&self, place: usize) -> usize {
        self.changes[..place].iter().rposition(|change| matches!(change, Change::Sync)).map_or(0, |last| last + 1)
    }

    /// Changes that cannot be lost any more are none.
    fn forget(&mut self) {
        let told = usize::try_from(self.told.0 - self.before).unwrap_or(0);
        let rest = self.changes.split_off(self.synced(told));
        self.fold();
        self.changes = rest;
    }

    /// Makes all changes for good.
    fn fold(&mut self) {
        self.before += self.changes.len() as u64;
        for change in self.changes.drain(..) {
            match change {
                Change::Length(length) => self.base.resize(length, 0),
                Change::Write(at, bytes) => self.base[at..at + bytes.len()].copy_from_slice(&bytes),
                Change::Sync => {}
            }
        }
    }
}

impl Mount {
    /// Ends where the process has ended: nothing of it gets to the disk any more.
    fn record(&self) -> io::Result<MutexGuard<'_, Record>> {
        let record = self.disk.record();
        if record.process == self.process { Ok(record) } else { Err(io::Error::other("the process is gone")) }
    }
}

fn index(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(io::Error::other)
}

impl StorageBackend for Mount {
    fn len(&self) -> io::Result<u64> {
        Ok(self.record()?.content.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let (record, at) = (self.record()?, index(offset)?);
        let from = record.content.get(at..at + out.len());
        out.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let (mut record, length) = (self.record()?, index(len)?);
        record.content.resize(length, 0);
        record.taken.resize(length.div_ceil(BLOCK), false);
        record.changes.push(Change::Length(length));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.record()?.changes.push(Change::Sync);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let (mut record, at) = (self.record()?, index(offset)?);
        let end = at + data.len();
        let blocks = at / BLOCK..end.div_ceil(BLOCK);
        if end > record.content.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let now = self.disk.epoch.elapsed();
        let is_full = record.full.iter().any(|full| {
            let from = Duration::from_millis(full.at_ms);
            (from..from + Duration::from_millis(full.lasting_ms)).contains(&now)
        });
        if is_full && record.taken[blocks.clone()].contains(&false) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        record.taken[blocks].fill(true);
        record.content[at..end].copy_from_slice(data);
        record.changes.push(Change::Write(at, data.to_vec()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn after_crash(seed: u64, told: bool) -> Vec<u8> {
        let disk = Disk::of(vec![b'.'; 2 * BLOCK], &[]);
        let mount = disk.mount();
        mount.write(0, b"a").unwrap();
        mount.sync_data().unwrap();
        mount.write(1, b"b").unwrap();
        if told {
            disk.has_done(disk.mark());
        }
        disk.crash(&mut Random::new(seed));
        assert!(mount.write(0, b"!").is_err() && mount.read(0, &mut []).is_err());
        disk.record().content[..2].to_vec()
    }

    #[tokio::test]
    async fn what_is_synced_outlives_a_crash_and_what_is_under_way_may() {
        let all = |told| (0..200).map(|seed| after_crash(seed, told)).collect::<BTreeSet<_>>();
        assert_eq!(all(true), BTreeSet::from([b"a.".to_vec(), b"ab".to_vec()]));
        assert_eq!(all(false), BTreeSet::from([b"..".to_vec(), b"a.".to_vec(), b"ab".to_vec()]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_disk_takes_what_has_its_place() {
        let disk = Disk::of(vec![b'.'; BLOCK], &[Full { at_ms: 0, lasting_ms: 50 }]);
        let mount = disk.mount();
        mount.set_len(2 * BLOCK as u64).unwrap();
        let beyond = BLOCK as u64;
        assert!(mount.write(0, b"a").is_ok());
        assert_eq!(mount.write(beyond, b"b").unwrap_err().kind(), io::ErrorKind::StorageFull);
        tokio::time::advance(Duration::from_millis(50)).await;
        assert!(mount.write(beyond, b"b").is_ok());
    }

    #[tokio::test]
    async fn an_outbox_lives_on_it() {
        let disk = Disk::new(&[]);
        let mount = disk.clone();
        let outbox = Outbox::on_storage(move || Ok(mount.mount()), OutboxOptions::default()).unwrap();
        assert_eq!(outbox.next(None), Ok(None));
        assert!(disk.mark() > Mark(0));
    }
}
