//! The time, which is an argument.

use crate::invalid::Invalid;

/// 2024-01-01. Modules that have not heard of the time start in 1970, 1980, 2000 or in the year their firmware was made.
const FIRST: u64 = 1_704_067_200;
const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// A clock that has been set: seconds since 1970, in 2024 or later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Clock(u64);

impl Clock {
    /// Takes the time, in seconds since 1970.
    ///
    /// # Errors
    /// It is before 2024, so that nobody has set the clock.
    pub fn at(now: u64) -> Result<Clock, Invalid> {
        if now >= FIRST { Ok(Clock(now)) } else { Err(Invalid::Clock { now }) }
    }

    /// Seconds since 1970.
    #[must_use]
    pub fn unix(self) -> u64 {
        self.0
    }

    /// Seconds since 1970, `seconds` later.
    #[must_use]
    pub fn after(self, seconds: u64) -> u64 {
        self.0.saturating_add(seconds)
    }
}

/// A date in UTC. Of the days since 1970 as Howard Hinnant's `civil_from_days` has it.
fn date(unix: u64) -> (u64, u64, u64) {
    let days = unix / DAY + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // The year begins in March here, so that its odd day is the last one.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// `YYYYMMDD`, in UTC.
pub(crate) fn day(unix: u64) -> String {
    let (year, month, day) = date(unix);
    format!("{year:04}{month:02}{day:02}")
}

/// `YYYYMMDDHH`, in UTC.
pub(crate) fn hour(unix: u64) -> String {
    format!("{}{:02}", day(unix), unix % DAY / HOUR)
}

/// `YYYYMMDDTHHMMSSZ`
pub(crate) fn basic(unix: u64) -> String {
    format!("{}T{:02}{:02}{:02}Z", day(unix), unix % DAY / HOUR, unix % HOUR / 60, unix % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (unix, expected) in [
            (0, "19700101T000000Z"),
            (951_782_399, "20000228T235959Z"),
            (951_782_400, "20000229T000000Z"),
            (951_868_800, "20000301T000000Z"),
            (1_735_689_600, "20250101T000000Z"),
            (4_107_542_399, "21000228T235959Z"),
            (4_107_542_400, "21000301T000000Z"),
        ] {
            assert_eq!(basic(unix), expected);
        }
        // The example of Huawei's documentation: 2018-07-24 17:56:20.
        assert_eq!(hour(1_532_454_980), "2018072417");
    }

    #[test]
    fn a_clock_that_nobody_has_set_is_refused() {
        for now in [0, 315_532_800, 946_684_800, 1_704_067_199] {
            let refused = Clock::at(now).unwrap_err();
            assert_eq!(refused, Invalid::Clock { now });
            assert!(refused.advice().unwrap().contains("expires"));
        }
        assert_eq!(Clock::at(1_704_067_200).map(|clock| clock.after(60)), Ok(1_704_067_260));
    }
}
