//! What the modem has heard.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::fault::Tally;

/// Command lines kept; of more the oldest are forgotten.
const KEPT: usize = 4096;

/// A complete command line that the modem has read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// From `AT` to before the CR.
    pub line: Vec<u8>,
    /// The bytes of its data phase, if that was completed.
    pub data: Option<Vec<u8>>,
}

/// The record of a mock: shared, cheap to clone, and readable after the mock has stopped.
///
/// A command is in it before the first byte of its answer can be read.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Record>>);

#[derive(Debug, Default)]
struct Record {
    heard: VecDeque<Heard>,
    forgotten: u64,
    bytes_heard: u64,
    bytes_said: u64,
    bytes_lost: u64,
    tally: Tally,
}

impl Log {
    /// The latest 4096 command lines, oldest first.
    #[must_use]
    pub fn commands(&self) -> Vec<Heard> {
        self.record().heard.iter().cloned().collect()
    }

    /// The same lines as text; bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.record().heard.iter().map(|heard| String::from_utf8_lossy(&heard.line).into_owned()).collect()
    }

    /// How many command lines have been read, forgotten ones included.
    #[must_use]
    pub fn command_count(&self) -> u64 {
        let record = self.record();
        record.forgotten + record.heard.len() as u64
    }

    /// Every byte that has come from the host, whatever became of it.
    #[must_use]
    pub fn bytes_heard(&self) -> u64 {
        self.record().bytes_heard
    }

    /// Every byte that was handed to the line.
    #[must_use]
    pub fn bytes_said(&self) -> u64 {
        self.record().bytes_said
    }

    /// Bytes that the modem had for a host that did not read, and that were lost.
    #[must_use]
    pub fn bytes_lost(&self) -> u64 {
        self.record().bytes_lost
    }

    /// How often each fault has happened.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.record().tally.clone()
    }

    pub(super) fn set_tally(&self, tally: &Tally) {
        self.record().tally.clone_from(tally);
    }

    pub(super) fn heard(&self, line: Vec<u8>) {
        let mut record = self.record();
        if record.heard.len() == KEPT {
            record.heard.pop_front();
            record.forgotten += 1;
        }
        record.heard.push_back(Heard { line, data: None });
    }

    pub(super) fn heard_data(&self, data: Vec<u8>) {
        if let Some(heard) = self.record().heard.back_mut() {
            heard.data = Some(data);
        }
    }

    pub(super) fn count(&self, heard: usize, said: usize, lost: usize) {
        let mut record = self.record();
        record.bytes_heard += heard as u64;
        record.bytes_said += said as u64;
        record.bytes_lost += lost as u64;
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        // The record is whole between any two statements, a panic elsewhere cannot have torn it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
