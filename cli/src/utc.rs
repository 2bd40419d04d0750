//! A moment as a date, in UTC: what a machine without a time zone database can say for sure.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Utc(Duration);

impl Utc {
    /// A clock that is set before 1970 counts as 1970.
    pub(crate) fn now() -> Utc {
        Utc(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
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
        let seconds = self.0.as_secs();
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
    }
}

/// The Gregorian date that is `days` after 1970-01-01.
///
/// Years are counted from March, so that the leap day is the last of its year, and in eras of 400 years, which all have the
/// same number of days.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468; // since 0000-03-01
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
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
