//! What goes wrong in a run.

use crate::random::Random;
use crate::scenario::Millis;

/// Any fault, at some time in the run.
pub(crate) fn any(_: &mut Random, active_ms: Millis) -> String {
    format!("reset@{active_ms}ms")
}
