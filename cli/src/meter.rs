//! How many bytes go over a line.

use std::ops::Sub;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use atmqtt::transcript::Side;

/// Counts the bytes of a line, by who has said them. A cheap handle.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    received: AtomicU64,
}

/// Bytes that have gone over a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    /// Said by this side.
    pub(crate) sent: u64,
    /// Said by the module.
    pub(crate) received: u64,
}

impl Meter {
    pub(crate) fn count(&self, side: Side, bytes: &[u8]) {
        let counter = match side {
            Side::Host => &self.0.sent,
            Side::Module => &self.0.received,
        };
        counter.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Traffic {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Traffic { sent: read(&self.0.sent), received: read(&self.0.received) }
    }
}

impl Traffic {
    pub(crate) fn total(self) -> u64 {
        self.sent + self.received
    }
}

impl Sub for Traffic {
    type Output = Traffic;

    /// What has gone since `earlier`.
    fn sub(self, earlier: Traffic) -> Traffic {
        Traffic { sent: self.sent - earlier.sent, received: self.received - earlier.received }
    }
}
