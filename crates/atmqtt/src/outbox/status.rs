//! How full an outbox is, and for how long that goes on.

use std::time::Duration;

/// What is in an outbox, and what became of all that was.
///
/// Every message that was accepted is delivered, dropped, expired, purged, or there:
/// `accepted == delivered + dropped + expired + purged + messages`, at any time.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct OutboxStatus {
    /// How many messages there are.
    pub messages: u64,
    /// How many bytes their topics and payloads have.
    pub bytes: u64,
    /// How long the oldest has been there. `None` where there is none, or the clock does not tell.
    pub oldest_age: Option<Duration>,
    /// How many of them have been handed to a module without it being known what came of it: in flight now or, when nobody sends,
    /// at a crash. They may arrive twice.
    pub in_flight: u64,
    /// How many have been accepted since the file was made.
    pub accepted: u64,
    /// How many of these were [done](super::Outbox::done).
    pub delivered: u64,
    /// How many gave way to newer ones.
    pub dropped: u64,
    /// How many were not worth sending any more.
    pub expired: u64,
    /// How many were thrown away on request.
    pub purged: u64,
    /// How much is accepted an hour, over the last one to two hours of use. `None` before a minute of it has gone, or where the
    /// clock does not tell.
    pub rate: Option<OutboxRate>,
    /// How many messages there can be.
    pub max_messages: u64,
    /// How many bytes they can have.
    pub max_bytes: u64,
}

impl OutboxStatus {
    /// For how many hours the room lasts at the present rate, if nothing is delivered. `None` where no rate is known, or nothing
    /// comes.
    #[must_use]
    pub fn hours_left(&self) -> Option<f64> {
        let rate = self.rate?;
        let hours = |room: u64, rate: f64| (rate > 0.0).then(|| as_f64(room) / rate);
        let messages = hours(self.max_messages.saturating_sub(self.messages), rate.messages_per_hour);
        let bytes = hours(self.max_bytes.saturating_sub(self.bytes), rate.bytes_per_hour);
        messages.into_iter().chain(bytes).reduce(f64::min)
    }
}

/// How much is accepted.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct OutboxRate {
    /// Messages an hour.
    pub messages_per_hour: f64,
    /// Bytes an hour.
    pub bytes_per_hour: f64,
}

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

/// How much had been accepted at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Mark {
    /// Milliseconds since 1970; 0: there is none.
    pub(super) at: u64,
    pub(super) messages: u64,
    pub(super) bytes: u64,
}

/// Two marks, an hour apart or more. The rate is counted from the older one, so that it neither jumps with a single message nor
/// remembers last week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Pace {
    pub(super) older: Mark,
    pub(super) newer: Mark,
}

impl Pace {
    /// Another message is about to be accepted. A clock that was set begins anew.
    pub(super) fn step(&mut self, now: Mark, clock_was_set: bool) {
        if self.newer.at == 0 || now.at < self.newer.at || clock_was_set {
            *self = Pace { older: now, newer: now };
        } else if now.at - self.newer.at >= HOUR {
            *self = Pace { older: self.newer, newer: now };
        }
    }

    pub(super) fn rate(&self, now: Mark) -> Option<OutboxRate> {
        let elapsed = now.at.checked_sub(self.older.at).filter(|elapsed| self.older.at > 0 && *elapsed >= MINUTE)?;
        let hours = as_f64(elapsed) / as_f64(HOUR);
        Some(OutboxRate {
            messages_per_hour: as_f64(now.messages.saturating_sub(self.older.messages)) / hours,
            bytes_per_hour: as_f64(now.bytes.saturating_sub(self.older.bytes)) / hours,
        })
    }
}

/// Exact to 2^53, and an estimate behind that.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn as_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(minutes: u64, messages: u64) -> Mark {
        Mark { at: 1_800_000_000_000 + minutes * MINUTE, messages, bytes: messages * 10 }
    }

    fn per_hour(pace: &Pace, now: Mark) -> Option<f64> {
        pace.rate(now).map(|rate| rate.messages_per_hour.round())
    }

    #[test]
    fn the_rate_is_that_of_the_last_hours() {
        let mut pace = Pace::default();
        assert_eq!(pace.rate(mark(0, 0)), None);
        for minute in 0..180 {
            pace.step(mark(minute, minute * 2), false);
        }
        assert_eq!(per_hour(&pace, mark(180, 360)), Some(120.0));
        // Ten times as much, for three hours: the old rate is forgotten.
        for minute in 180..360 {
            pace.step(mark(minute, 360 + (minute - 180) * 20), false);
        }
        assert_eq!(per_hour(&pace, mark(360, 360 + 3600)), Some(1200.0));
        // Nothing for a day: it goes down by itself.
        assert!(per_hour(&pace, mark(1800, 360 + 3600)).unwrap() < 150.0);
    }

    #[test]
    fn no_rate_is_made_of_too_little_or_of_a_clock_that_was_set() {
        let mut pace = Pace::default();
        pace.step(mark(100, 0), false);
        assert_eq!(pace.rate(Mark { at: mark(100, 0).at + MINUTE - 1, messages: 5, bytes: 5 }), None);
        assert_eq!(pace.rate(mark(99, 5)), None);
        pace.step(mark(50, 5), false);
        assert_eq!(per_hour(&pace, mark(110, 65)), Some(60.0), "set back: counted from there");
        pace.step(mark(10_000, 70), true);
        assert_eq!(per_hour(&pace, mark(10_060, 80)), Some(10.0), "set forward: counted from there");
    }

    #[test]
    fn the_limit_that_is_reached_first_decides() {
        let status = |messages, bytes, rate: Option<(f64, f64)>| OutboxStatus {
            messages,
            bytes,
            oldest_age: None,
            in_flight: 0,
            accepted: messages,
            delivered: 0,
            dropped: 0,
            expired: 0,
            purged: 0,
            rate: rate.map(|(messages_per_hour, bytes_per_hour)| OutboxRate { messages_per_hour, bytes_per_hour }),
            max_messages: 100,
            max_bytes: 1000,
        };
        assert_eq!(status(50, 0, Some((10.0, 10.0))).hours_left(), Some(5.0));
        assert_eq!(status(0, 900, Some((10.0, 100.0))).hours_left(), Some(1.0));
        assert_eq!(status(100, 900, Some((10.0, 0.0))).hours_left(), Some(0.0));
        assert_eq!(status(0, 0, Some((0.0, 0.0))).hours_left(), None);
        assert_eq!(status(0, 0, None).hours_left(), None);
    }
}
