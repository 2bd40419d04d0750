//! What a wall clock can be trusted with.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// No program of this kind is older, so a clock that shows less has not been set: 2024-01-01, in milliseconds since 1970.
const EARLIEST: u64 = 1_704_067_200_000;
/// A clock that shows more is wrong: 2100-01-01, in milliseconds since 1970.
const LATEST: u64 = 4_102_444_800_000;
/// How far the two clocks may drift apart before one of them was set: this, or a thousandth of the time.
const TOLERANCE: u64 = 10_000;

/// What the time is, by two clocks: one that can be wrong and can be set, and one that only tells how much time has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The date.
    pub wall: SystemTime,
    /// A clock that nobody sets.
    pub monotonic: Instant,
}

impl Now {
    /// Reads both clocks.
    #[must_use]
    pub fn read() -> Now {
        Now { wall: SystemTime::now(), monotonic: Instant::now() }
    }

    /// Milliseconds since 1970, if the clock can be right.
    pub(super) fn date(self) -> Option<u64> {
        let since = self.wall.duration_since(UNIX_EPOCH).ok()?;
        Some(milliseconds(since)).filter(|date| (EARLIEST..LATEST).contains(date))
    }
}

/// Both clocks as they were the last time that the date could be right. Of a clock that is set back nothing needs to be known
/// here: a message from the future shows it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Clock(Option<(u64, Instant)>);

impl Clock {
    /// By how many milliseconds the wall clock was set forward since then; 0: it was not.
    pub(super) fn set_forward_by(self, now: Now) -> u64 {
        let (Some((date, then)), Some(shown)) = (self.0, now.date()) else { return 0 };
        let gone = milliseconds(now.monotonic.saturating_duration_since(then));
        let step = shown.saturating_sub(date).saturating_sub(gone);
        if step > TOLERANCE.max(gone / 1000) { step } else { 0 }
    }

    pub(super) fn seen(&mut self, now: Now) {
        if let Some(date) = now.date() {
            self.0 = Some((date, now.monotonic));
        }
    }
}

/// A duration in whole milliseconds, or the longest there is.
pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_date_has_to_be_possible() {
        let at = |seconds| Now { wall: UNIX_EPOCH + SECOND * seconds, monotonic: Instant::now() }.date();
        assert_eq!(at(0), None);
        assert_eq!(at(1_704_067_199), None);
        assert_eq!(at(1_704_067_200), Some(1_704_067_200_000));
        assert_eq!(at(4_102_444_800), None);
        assert_eq!(Now { wall: UNIX_EPOCH - SECOND, monotonic: Instant::now() }.date(), None);
    }

    #[test]
    fn a_clock_that_is_set_forward_is_noticed() {
        let began = Instant::now();
        let at = |wall: u32, gone: u32| Now {
            wall: UNIX_EPOCH + SECOND * (1_800_000_000 + wall),
            monotonic: began + SECOND * gone,
        };
        let mut clock = Clock::default();
        assert_eq!(clock.set_forward_by(at(0, 0)), 0, "nothing to compare it with");
        clock.seen(at(0, 0));
        for (wall, gone, step) in [(60, 60, 0), (10, 0, 0), (11, 0, 11_000), (3600, 60, 3_540_000), (0, 60, 0)] {
            assert_eq!(clock.set_forward_by(at(wall, gone)), step, "{wall} {gone}");
        }
        assert_eq!(clock.set_forward_by(at(1_000_500, 1_000_000)), 0, "a drift");
    }
}
