//! What the commands need to know of the module around them.

use super::{
    answer::Answer,
    link::{Completion, Connection, Link, Settings},
    options::ModemOptions,
};

/// What the commands need to know of the module around them.
pub(super) struct Surroundings<'a> {
    pub(super) options: &'a ModemOptions,
    pub(super) packet_data: bool,
    /// The module's clock, in seconds since 1970.
    pub(super) clock: u64,
    /// The command echo is on.
    pub(super) echo: bool,
}

impl Surroundings<'_> {
    /// The module is opening that link, and does not let go of it.
    pub(super) fn holds_on_to<S: Settings>(&self, connection: &Connection<S>) -> bool {
        !self.options.quirks.closes_while_opening && matches!(connection.link, Link::Opening { .. })
    }

    /// OK at once, or after the result where the firmware does it in that order.
    pub(super) fn answer(&self, of: Completion) -> Answer {
        if self.options.quirks.result_first.contains(&of.step) { Answer::AfterResult(of) } else { Answer::ok() }
    }
}
