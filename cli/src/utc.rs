//! A moment as a date, in UTC: what a machine without a time zone database can say for sure.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;

/// A moment since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Utc(Duration);

impl Utc {
    /// A clock that is set before 1970 counts as 1970.
    pub(crate) fn now() -> Utc {
        Utc(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
    }

    /// A moment in whole seconds since 1970.
    pub(crate) fn at(unix: u64) -> Utc {
        Utc(Duration::from_secs(unix))
    }

    /// `2026-01-01T12:34:56+0000`
    pub(crate) fn iso(self) -> String {
        format!("{}+0000", self.to_seconds())
    }

    /// `2026-01-01T12:34:56.000000Z`
    pub(crate) fn iso_micros(self) -> String {
        format!("{}.{:06}Z", self.to_seconds(), self.0.subsec_micros())
    }

    /// `1767270896.000000000`
    pub(crate) fn unix(self) -> String {
        format!("{}.{:09}", self.0.as_secs(), self.0.subsec_nanos())
    }

    fn to_seconds(self) -> String {
        // Behind the year 9999 there is no telling.
        let seconds = i64::try_from(self.0.as_secs()).unwrap_or(i64::MAX);
        let moment = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let (year, month, day) = moment.to_calendar_date();
        let (hour, minute, second) = moment.to_hms();
        format!("{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}", u8::from(month))
    }
}

#[cfg(test)]
impl Utc {
    pub(crate) const fn since_1970(duration: Duration) -> Utc {
        Utc(duration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00+0000"),
            (951_782_399, "2000-02-28T23:59:59+0000"),
            (951_782_400, "2000-02-29T00:00:00+0000"),
            (951_868_800, "2000-03-01T00:00:00+0000"),
            (1_767_225_600, "2026-01-01T00:00:00+0000"),
            (1_767_225_599, "2025-12-31T23:59:59+0000"),
            (4_107_542_399, "2100-02-28T23:59:59+0000"),
            (4_107_542_400, "2100-03-01T00:00:00+0000"),
        ] {
            assert_eq!(Utc(Duration::from_secs(seconds)).iso(), expected, "{seconds}");
        }
    }

    #[test]
    fn fractions() {
        let moment = Utc(Duration::new(1_767_270_896, 1_002_003));
        assert_eq!(moment.unix(), "1767270896.001002003");
        assert_eq!(moment.iso_micros(), "2026-01-01T12:34:56.001002Z");
    }
}
