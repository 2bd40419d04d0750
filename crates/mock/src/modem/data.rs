//! The data phase: what comes after a prompt, until it ends in one of the ways that firmware has.

use std::time::Duration;

use super::{
    cme::{Cme, FileFault},
    link::Publish,
};

/// What data are for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// They are the payload of this.
    Publish(Publish),
    /// They are an argument of a command.
    Argument(Argument),
    /// They are the content of a file.
    File(Upload),
}

/// A file that follows its command.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Upload {
    /// The name of the command.
    pub(super) command: &'static str,
    pub(super) name: String,
}

/// An argument that follows its command behind a prompt.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Argument {
    /// The name of the command.
    pub(super) command: &'static str,
    pub(super) connection: u8,
    /// The level that the command line gave with it, or 0.
    pub(super) qos: u8,
}

const CTRL_Z: u8 = 0x1a;
const ESC: u8 = 0x1b;

/// What a data phase is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DataEntry {
    pub(super) end: DataEnd,
    /// After so long without a byte it is left, and what was typed is lost.
    pub(super) idle: Option<Duration>,
    /// What is typed is echoed.
    pub(super) echo: bool,
    /// What was typed by then is not lost, but counts as all of it.
    pub(super) sends_when_idle: bool,
}

/// How a data phase ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DataEnd {
    /// With so many bytes. Whatever they are, there is no other way out (the escape of a counted data phase is not documented).
    Count(usize),
    /// With Ctrl-Z (0x1A). ESC (0x1B) cancels, which is answered with OK. So many bytes are kept, what comes after them is lost.
    CtrlZ { kept: usize },
}

impl From<DataEnd> for DataEntry {
    fn from(end: DataEnd) -> Self {
        Self { end, idle: None, echo: false, sends_when_idle: false }
    }
}

/// A data phase under way.
#[derive(Debug)]
pub(super) struct DataPhase {
    entry: DataEntry,
    /// When it is left for want of input.
    pub(super) until: Option<Duration>,
    pub(super) collected: Vec<u8>,
    pub(super) purpose: Purpose,
}

/// What a byte does to a data phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    More,
    Complete,
    Cancelled,
}

impl DataPhase {
    pub(super) fn new(now: Duration, entry: DataEntry, purpose: Purpose) -> Self {
        let until = entry.idle.map(|idle| now.saturating_add(idle));
        Self { entry, until, collected: Vec::new(), purpose }
    }

    pub(super) fn sends_when_idle(&self) -> bool {
        self.entry.sends_when_idle
    }

    /// What it is left with for want of input.
    pub(super) fn fault_when_idle(&self) -> Cme {
        match self.purpose {
            Purpose::File(_) => FileFault::TimeOut.into(),
            Purpose::Publish(_) | Purpose::Argument(_) => Cme::NotAllowed,
        }
    }

    pub(super) fn echoes(&self) -> bool {
        self.entry.echo
    }

    pub(super) fn push(&mut self, now: Duration, byte: u8) -> Typed {
        self.until = self.entry.idle.map(|idle| now.saturating_add(idle));
        let room = match self.entry.end {
            DataEnd::CtrlZ { .. } if byte == CTRL_Z => return Typed::Complete,
            DataEnd::CtrlZ { .. } if byte == ESC => return Typed::Cancelled,
            DataEnd::CtrlZ { kept: room } | DataEnd::Count(room) => room,
        };
        if self.collected.len() < room {
            self.collected.push(byte);
        }
        match self.entry.end {
            DataEnd::Count(count) if self.collected.len() >= count => Typed::Complete,
            DataEnd::Count(_) | DataEnd::CtrlZ { .. } => Typed::More,
        }
    }
}
