//! What has happened and has not been taken yet, the oldest first.

use std::collections::VecDeque;

use crate::exchange::{Answer, Fault};
use crate::lines::Lines;
use crate::token::{LineRef, ReaderFault};
use crate::trace::TraceRecord;

/// Names a command whose result is waited for beside the line, until that comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeferredId(pub(super) u64);

/// How many bytes of lines wait to be taken; more are dropped and counted.
pub(super) const HELD: usize = 1024 * 1024;

/// An event in the queue. What it borrows lies elsewhere, in the order of the queue.
pub(super) enum Queued {
    Done(Result<(), Fault>),
    Settled(DeferredId, Result<Box<Answer>, Fault>),
    Unsolicited,
    Doubtful,
    Echo,
    Resynchronised(Lines),
    Fault(ReaderFault),
    Dropped(u64),
    Trace(TraceRecord),
}

/// The queue.
#[derive(Default)]
pub(super) struct Events {
    queue: VecDeque<Queued>,
    /// The unsolicited lines in the queue, and before them those that have been given out.
    lines: Lines,
    given: usize,
}

impl Events {
    /// Adds one, unless `limit` wait already.
    pub(super) fn push(&mut self, event: Queued, limit: usize) {
        if self.queue.len() >= limit {
            self.drop_one();
        } else {
            self.queue.push_back(event);
        }
    }

    /// Adds one that is never dropped, however many wait.
    pub(super) fn push_always(&mut self, event: Queued) {
        self.queue.push_back(event);
    }

    /// Adds a line that no command asked for, unless `limit` events wait already, or too much of such lines.
    pub(super) fn push_line(&mut self, line: LineRef<'_>, in_doubt: bool, limit: usize) {
        if self.queue.len() >= limit || self.lines.size() > HELD {
            self.drop_one();
        } else {
            self.lines.push(line);
            self.queue.push_back(if in_doubt { Queued::Doubtful } else { Queued::Unsolicited });
        }
    }

    /// Counts one that finds no room, where it is missing.
    pub(super) fn drop_one(&mut self) {
        match self.queue.back_mut() {
            Some(Queued::Dropped(count)) => *count += 1,
            _ => self.queue.push_back(Queued::Dropped(1)),
        }
    }

    pub(super) fn pop(&mut self) -> Option<Queued> {
        let event = self.queue.pop_front();
        if event.is_none() {
            self.lines.clear();
            self.given = 0;
        }
        event
    }

    /// The line of the event that was popped last.
    pub(super) fn line(&mut self) -> Option<LineRef<'_>> {
        self.given += 1;
        self.lines.get(self.given - 1)
    }
}
