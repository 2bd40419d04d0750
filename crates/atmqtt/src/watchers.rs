//! Who is shown what goes over a line.

use std::sync::Arc;

use atmqtt_modem::at::transcript::Side;
use atmqtt_modem::at::{Time, TraceRecord};

/// Called with each line of the dialogue.
pub(crate) type Tracer = Arc<dyn Fn(&TraceRecord) + Send + Sync>;

/// Called with the bytes as they go over the line.
pub(crate) type Tap = Arc<dyn Fn(Time, Side, &[u8]) + Send + Sync>;

/// Who is shown the dialogue.
#[derive(Clone, Default)]
pub(crate) struct Watchers {
    pub(crate) tracer: Option<Tracer>,
    pub(crate) tap: Option<Tap>,
}

impl Watchers {
    /// Bytes that this side has sent.
    pub(crate) fn show(&self, now: Time, side: Side, bytes: &[u8]) {
        if let Some(tap) = &self.tap {
            tap(now, side, bytes);
        }
    }
}
