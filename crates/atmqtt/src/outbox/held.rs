//! A file that is not changed before it is known what it is.

use std::io;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::{BackendError, StorageBackend};

/// What is to be done to the file, in order. Syncs are kept too: a crash while it is done must find the same states as if it had been
/// done at once.
#[derive(Debug)]
enum Change {
    Length(u64),
    Write(u64, Vec<u8>),
    Sync,
}

/// A file whose changes are held back until it is [released](Release). A database that is opened is repaired and signed before anybody
/// can look into it; a file that then turns out to be damaged, or somebody else's, must be as it was.
#[derive(Debug)]
pub(super) struct Held<B> {
    file: Arc<B>,
    /// `None` once they are not held back any more.
    changes: Arc<Mutex<Option<Vec<Change>>>>,
}

/// Lets the changes of a [`Held`] file go on to it.
#[derive(Debug)]
pub(super) struct Release<B> {
    file: Arc<B>,
    changes: Arc<Mutex<Option<Vec<Change>>>>,
}

impl<B: StorageBackend> Held<B> {
    pub(super) fn new(file: B) -> (Held<B>, Release<B>) {
        let (file, changes) = (Arc::new(file), Arc::new(Mutex::new(Some(Vec::new()))));
        (Held { file: Arc::clone(&file), changes: Arc::clone(&changes) }, Release { file, changes })
    }

    /// Holds a change back, or does it where nothing is held back.
    fn change(&self, change: impl FnOnce() -> Change, done: impl FnOnce(&B) -> io::Result<()>) -> io::Result<()> {
        match &mut *lock(&self.changes) {
            Some(changes) => changes.push(change()),
            None => done(&self.file)?,
        }
        Ok(())
    }
}

impl<B: StorageBackend> Release<B> {
    /// Does what was held back; from here on everything is done at once.
    pub(super) fn release(self) -> io::Result<()> {
        let mut held = lock(&self.changes);
        for change in held.iter().flatten() {
            match change {
                Change::Length(length) => self.file.set_len(*length)?,
                Change::Write(at, bytes) => self.file.write(*at, bytes)?,
                Change::Sync => self.file.sync_data()?,
            }
        }
        *held = None;
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts into `out`, which begins at `from` in the file, what `bytes` at `at` has for it.
fn overlay(out: &mut [u8], from: u64, at: u64, bytes: &[u8]) {
    let (start, end) = (from.max(at), (from + out.len() as u64).min(at + bytes.len() as u64));
    let within = |base: u64| usize::try_from(start - base).ok();
    if let (true, Some(to), Some(of)) = (start < end, within(from), within(at)) {
        let count = usize::try_from(end - start).unwrap_or_default();
        out[to..to + count].copy_from_slice(&bytes[of..of + count]);
    }
}

impl<B: StorageBackend> StorageBackend for Held<B> {
    fn len(&self) -> io::Result<u64> {
        let held = lock(&self.changes);
        let set = held.iter().flatten().rev().find_map(|change| match change {
            Change::Length(length) => Some(*length),
            Change::Write(..) | Change::Sync => None,
        });
        set.map_or_else(|| self.file.len(), Ok)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let held = lock(&self.changes);
        let Some(changes) = &*held else {
            drop(held);
            return self.file.read(offset, out);
        };
        let end = offset + out.len() as u64;
        let mut length = self.file.len()?;
        let there = usize::try_from(length.saturating_sub(offset)).unwrap_or(usize::MAX).min(out.len());
        self.file.read(offset, &mut out[..there])?;
        out[there..].fill(0);
        for change in changes {
            match change {
                Change::Length(new) => {
                    // What is cut off and grows again is zero.
                    let gone = usize::try_from(new.saturating_sub(offset)).unwrap_or(usize::MAX).min(out.len());
                    out[gone..].fill(0);
                    length = *new;
                }
                Change::Write(at, bytes) => overlay(out, offset, *at, bytes),
                Change::Sync => {}
            }
        }
        if end > length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(|| Change::Length(len), |file| file.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.change(|| Change::Sync, StorageBackend::sync_data)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(|| Change::Write(offset, data.to_vec()), |file| file.write(offset, data))
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redb::backends::InMemoryBackend;

    fn bytes(file: &impl StorageBackend) -> Vec<u8> {
        let mut out = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
        file.read(0, &mut out).unwrap();
        out
    }

    #[test]
    fn a_file_looks_changed_and_is_not_until_it_is_released() {
        let file = InMemoryBackend::new();
        file.set_len(8).unwrap();
        file.write(0, b"abcdefgh").unwrap();
        let (held, release) = Held::new(file);
        held.write(2, b"XY").unwrap();
        held.set_len(6).unwrap();
        held.sync_data().unwrap();
        held.set_len(10).unwrap();
        held.write(8, b"Z").unwrap();
        assert_eq!(bytes(&held), b"abXYef\0\0Z\0");
        let mut middle = [0; 3];
        held.read(3, &mut middle).unwrap();
        assert_eq!(&middle, b"Yef");
        assert!(held.read(9, &mut middle).is_err());
        assert_eq!(bytes(&*held.file), b"abcdefgh");
        let inner = Arc::clone(&held.file);
        release.release().unwrap();
        assert_eq!(bytes(&*inner), b"abXYef\0\0Z\0");
        held.write(0, b"!").unwrap();
        assert_eq!(bytes(&*inner), b"!bXYef\0\0Z\0");
    }
}
