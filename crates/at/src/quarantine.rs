//! After a time-out: is the line in order again?
//!
//! The answer to the command that timed out may still come, and its `OK` looks like any other. So before the next command
//! goes out, the module is asked something whose answer has an information line of its own: a late `OK` or `ERROR` cannot
//! imitate that. A module answers commands in their order, so once this answer is complete, nothing older can follow.

use std::time::Duration;

use crate::command::Command;
use crate::exchange::Exchange;
use crate::token::Line;

/// What the module is asked. Both are in 3GPP 27.007, cost nothing and change nothing. There are two, because the command
/// that timed out may have been one of them.
const PROBES: [&str; 2] = ["+CMEE", "+CFUN"];

/// How often the module is asked before it counts as unresponsive.
pub(crate) const ATTEMPTS: u32 = 3;

/// A line that is not known to be in order.
#[derive(Debug)]
pub(crate) struct Quarantine {
    probe: &'static str,
    pub(crate) attempts: u32,
    /// What came that answers nothing, to be reported.
    pub(crate) discarded: Vec<Line>,
}

impl Quarantine {
    /// The line is in doubt since the command called `culprit`.
    pub(crate) fn since(culprit: &str) -> Quarantine {
        let probe = if culprit == PROBES[0] { PROBES[1] } else { PROBES[0] };
        Quarantine { probe, attempts: 0, discarded: Vec::new() }
    }

    /// The question.
    pub(crate) fn probe(&self, timeout: Duration) -> Exchange {
        Command::read(self.probe).within(timeout).done().exchange().clone()
    }
}
