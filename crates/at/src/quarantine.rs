//! After a time-out: is the line in order again?
//!
//! The answer to the command that timed out may still come, and its `OK` looks like any other. So before the next command
//! goes out, the module is asked something whose answer has an information line of its own: a late `OK` or `ERROR` cannot
//! imitate that. A module answers commands in their order, so once this answer is complete, nothing older can follow.
//!
//! A command that was to be followed by data leaves more behind: a module that still waits for them would take the question
//! for data, and publish it. So first the data phase is left, if there is a way; and where there is none, the module gets the
//! very data that it was promised, however late it asks, or the rest of them. It never gets anything else while it may wait for them;
//! only when that time is over, and the data may not go out unasked, is the question risked.

use std::time::Duration;

use crate::command::Command;
use crate::exchange::{DataPhase, Exchange};
use crate::lines::Lines;
use crate::text::is_nothing_on_the_line;
use crate::time::Time;

/// What the module is asked. Both are in 3GPP 27.007, cost nothing and change nothing.
///
/// A late answer to the same question, asked before, proves nothing: another may follow it. So where the question that was
/// answered is not the only one of its kind, the other kind is asked, which then has no late answers: all of its kind went out
/// before, and a module answers in order.
const PROBES: [&str; 2] = ["+CMEE", "+CFUN"];

/// A line that is not known to be in order.
#[derive(Debug)]
pub(crate) struct Quarantine {
    /// Which of the questions is asked.
    probe: usize,
    /// How many of that kind may still be answered.
    unanswered: u32,
    pub(crate) attempts: u32,
    /// Somebody else has spoken on this line before.
    pub(crate) has_unknown_past: bool,
    /// What came that answers nothing, to be reported.
    pub(crate) discarded: Lines,
    pub(crate) owed: Owed,
    /// The prompt that the module has not given in time, and what makes it leave its data phase: if it comes after all, nobody wants
    /// it any more.
    pub(crate) unwanted: Option<(&'static str, u8)>,
    /// The data that the module was promised and has not asked for in time.
    pub(crate) promised: Option<DataPhase>,
    /// How many questions more than final result codes there were: a module that takes data later may have so many of them among these.
    pub(crate) unheard: u32,
}

/// What a data phase has left behind.
#[derive(Debug)]
pub(crate) enum Owed {
    /// Nothing: the question may be asked.
    Nothing,
    /// The prompt did not come. If it comes late, until then, the data follow it.
    Prompt {
        /// The data.
        data: DataPhase,
        /// From which count of received bytes on a prompt counts.
        from: u64,
        /// Until when nothing else is sent.
        until: Time,
    },
    /// These bytes, from the one at `sent` on: the rest of the data, or what makes the module leave the data phase.
    Bytes {
        /// The bytes.
        bytes: Vec<u8>,
        /// How many of them are out.
        sent: usize,
        /// When the port has to have taken some.
        deadline: Time,
        /// No trace may show them.
        private: bool,
    },
}

impl Quarantine {
    /// The line is in doubt since the command called `culprit`.
    pub(crate) fn since(culprit: &str, owed: Owed) -> Quarantine {
        Quarantine::asking(usize::from(culprit == PROBES[0]), 0, owed)
    }

    /// Somebody else has spoken on this line, and any command may still be answered, the question included.
    pub(crate) fn of_unknown_past() -> Quarantine {
        Quarantine { has_unknown_past: true, ..Quarantine::asking(0, 1, Owed::Nothing) }
    }

    /// The question was not answered; gives how often that makes.
    pub(crate) fn unanswered_again(&mut self) -> u32 {
        self.attempts += 1;
        self.attempts
    }

    fn asking(probe: usize, unanswered: u32, owed: Owed) -> Quarantine {
        let discarded = Lines::default();
        Quarantine {
            probe,
            unanswered,
            attempts: 0,
            has_unknown_past: false,
            discarded,
            owed,
            unwanted: None,
            promised: None,
            unheard: 0,
        }
    }

    /// The sign of a prompt that may still come, long after its time.
    pub(crate) fn late_prompt(&self) -> Option<&'static str> {
        let unwanted = self.unwanted.map(|(sign, _)| sign);
        unwanted.or_else(|| self.promised.as_ref()?.prompt.sign())
    }

    /// The data that the module was promised, now that it asks for them after all. Where it may have a question among them already, so
    /// that some of them come back to its command line, only if they are nothing there.
    pub(crate) fn asked_for_at_last(&mut self) -> Option<DataPhase> {
        let is_all_heard = self.unheard == 0;
        self.promised.take_if(|data| is_all_heard || is_nothing_on_the_line(&data.bytes))
    }

    /// The question, to be asked now.
    pub(crate) fn ask(&mut self, timeout: Duration) -> Exchange {
        self.unanswered += 1;
        self.unheard += 1;
        let mut question = Command::read(PROBES[self.probe]).within(timeout).done().exchange().clone();
        // However many an OK comes without the line: here they are late ones.
        question.informs = false;
        question
    }

    /// The question was answered; true: nothing older can follow.
    pub(crate) fn answered(&mut self) -> bool {
        if self.unanswered == 1 {
            return true;
        }
        self.probe = 1 - self.probe;
        self.unanswered = 0;
        self.attempts = 0;
        false
    }
}
