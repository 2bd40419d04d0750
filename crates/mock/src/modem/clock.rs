//! The module's clock (3GPP TS 27.007, 8.15): the network sets it, or the host.

use std::time::Duration;

use time::{Date, Month, OffsetDateTime};

use super::{
    answer::Answer,
    answer::Reply,
    cme::Cme,
    command::{Args, Form},
    dialect::Dialect,
    model::Model,
};

/// 1980-01-06T00:00:00Z, where Quectel's and SIMCom's modules begin while nobody has told them the time (general knowledge).
const UNSET: i64 = 315_964_800;

/// 2026-01-01T00:00:00Z, the network's time where nobody has said another.
const NETWORK: u64 = 1_767_225_600;

/// What the clock of a module that has just started is set to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    set: Option<Setting>,
}

#[derive(Clone, Copy, Debug)]
struct Setting {
    /// Seconds from 1970 to the caller's epoch.
    epoch: i64,
    /// Quarter hours.
    zone: i64,
}

impl Clock {
    /// What the network says, with the caller's epoch in seconds since 1970. It says it once.
    pub(super) fn hear(&mut self, epoch: Option<u64>) {
        self.set.get_or_insert(Setting { epoch: epoch.unwrap_or(NETWORK).try_into().unwrap_or(i64::MAX), zone: 32 });
    }

    /// Seconds since 1970.
    pub(super) fn time(&self, now: Duration) -> u64 {
        let epoch = self.set.map_or(UNSET, |setting| setting.epoch);
        epoch.saturating_add_unsigned(now.as_secs()).try_into().unwrap_or(0)
    }

    /// `AT+CCLK`
    pub(super) fn command(&mut self, now: Duration, form: Form<'_>, model: &Model) -> Reply {
        match form {
            Form::Read => self.read(now, model),
            Form::Set(args) => {
                self.set = Some(set_clock(now, args)?);
                Ok(Answer::ok())
            }
            Form::Test if starts_in_1980(model) => Ok(Answer::ok()),
            Form::Execute | Form::Test => Err(Cme::NotSupported),
        }
    }

    /// The year has four digits on most models, the fields are UTC and the zone counts quarter hours; before network time the command is refused
    /// (`EC6xx` firmware), or says when the module's time begins.
    fn read(&self, now: Duration, model: &Model) -> Reply {
        let zone = match self.set {
            Some(setting) => setting.zone,
            None if starts_in_1980(model) => 0,
            None => return Err(Cme::NotAllowed),
        };
        let seconds = self.time(now);
        let moment = OffsetDateTime::from_unix_timestamp(seconds.try_into().unwrap_or(i64::MAX));
        let moment = moment.map_err(|_| Cme::NotAllowed)?;
        let (year, month, day) = moment.to_calendar_date();
        let (hour, minute, second) = moment.to_hms();
        let month = u8::from(month);
        let year = if model.short_year { format!("{:02}", year % 100) } else { format!("{year:04}") };
        Ok(Answer::line(format!("+CCLK: \"{year}/{month:02}/{day:02},{hour:02}:{minute:02}:{second:02}{zone:+03}\"")))
    }
}

fn starts_in_1980(model: &Model) -> bool {
    matches!(model.dialect, Dialect::Qmt(_) | Dialect::Cmqtt(_))
}

/// `"<year>/<month>/<day>,<hour>:<minute>:<second>[<zone>]"`, taken as it is printed.
fn set_clock(now: Duration, mut args: Args<'_>) -> Result<Setting, Cme> {
    let text = args.string(22)?;
    args.end()?;
    let (text, zone) = match text.rfind(['+', '-']) {
        Some(at) => (&text[..at], text[at..].parse().map_err(|_| Cme::IncorrectParameters)?),
        None => (text.as_str(), 0),
    };
    let fields: Result<Vec<u16>, _> = text.split(['/', ',', ':']).map(str::parse).collect();
    let [year, month, day, hour, minute, second] = fields.unwrap_or_default()[..] else {
        return Err(Cme::IncorrectParameters);
    };
    let year = match year {
        0..70 => 2000 + year,
        70..100 => 1900 + year,
        _ => year,
    };
    let moment = moment(year, [month, day, hour, minute, second]);
    let is_time = (1970..2100).contains(&year) && (-96..=96).contains(&zone);
    let moment = moment.filter(|_| is_time).ok_or(Cme::IncorrectParameters)?;
    let epoch = moment.unix_timestamp().saturating_sub_unsigned(now.as_secs());
    Ok(Setting { epoch, zone })
}

/// The moment of that date, if it is one.
fn moment(year: u16, rest: [u16; 5]) -> Option<OffsetDateTime> {
    let [month, day, hour, minute, second] = rest.map(|part| u8::try_from(part).ok());
    let date = Date::from_calendar_date(year.into(), Month::try_from(month?).ok()?, day?).ok()?;
    Some(date.with_hms(hour?, minute?, second?).ok()?.assume_utc())
}
