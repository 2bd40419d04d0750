//! The module's clock, which certificates are checked by. 3GPP TS 27.007, 8.15: `AT+CCLK`.

use atmqtt_at::{Command, Malformed, MalformedKind, Text};
use time::OffsetDateTime;

use crate::fault::Fault;
use crate::plan::Tools;

/// 2024-01-01 in seconds since 1970: a clock before that was never set.
const SANE: u64 = 1_704_067_200;

/// The years that two digits can mean: a clock that was never set shows 1970, 1980 or a year of the firmware.
const YEARS: std::ops::Range<u8> = 24..70;

/// Sees to it that the module's clock is set: by the network if it was, or else by the host.
pub(crate) async fn set_if_unset(Tools { dialogue, profile }: &Tools, host_time: Option<u64>) -> Result<(), Fault> {
    let timeout = profile.timeouts.command.value;
    // A module that refuses to say has a clock of its own, or none to be set.
    let Some(year) = dialogue.try_run(year().within(timeout)).await? else { return Ok(()) };
    if YEARS.contains(&year) {
        return Ok(());
    }
    let time = host_time.filter(|time| *time >= SANE).and_then(written).ok_or(Fault::ClockNotSet)?;
    dialogue.run(Command::set("+CCLK").text(&time).within(timeout).done()).await
}

/// `AT+CCLK?`: `+CCLK: "yy/MM/dd,hh:mm:ss±zz"`; gives the year.
fn year() -> Command<u8> {
    Command::read("+CCLK").decode(|answer| {
        let text = answer.information("+CCLK")?.text()?;
        let year = text.split('/').next().unwrap_or_default();
        // Some write all four digits.
        let digits = year.get(year.len().saturating_sub(2)..).unwrap_or_default();
        digits.parse().map_err(|_| Malformed::line(MalformedKind::Unexpected))
    })
}

/// The time as a module is told it, in UTC. `None`: after the year 9999.
fn written(time: u64) -> Option<Text> {
    let time = OffsetDateTime::from_unix_timestamp(time.try_into().ok()?).ok()?;
    let (year, month, day) = time.to_calendar_date();
    let (hour, minute, second) = time.to_hms();
    let text = format!("{:02}/{:02}/{day:02},{hour:02}:{minute:02}:{second:02}+00", year % 100, u8::from(month));
    Some(Text::new(text).expect("digits and signs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_a_module_is_told_them() {
        for (time, expected) in [
            (SANE, "24/01/01,00:00:00+00"),
            (1_709_164_799, "24/02/28,23:59:59+00"),
            (1_709_164_800, "24/02/29,00:00:00+00"),
            (1_709_251_200, "24/03/01,00:00:00+00"),
            (1_795_734_296, "26/11/26,23:04:56+00"),
        ] {
            assert_eq!(written(time).as_ref().map(Text::as_str), Some(expected));
        }
        assert_eq!(written(u64::MAX), None);
    }
}
