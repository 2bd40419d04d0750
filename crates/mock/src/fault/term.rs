//! One term: which fault, with what value, when, and how often.

use std::{fmt, time::Duration};

use thiserror::Error;

use super::{
    Kind,
    kind::{Manner, Parameter},
    nearest::nearest_name,
    rate::{Rate, decimal},
};

/// The value behind `=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// A whole number.
    Number(u32),
    /// A time, in whole milliseconds.
    Time(Duration),
    /// A word of the fault's row.
    Word(&'static str),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Time(time) => f.write_str(&time_text(*time)),
            Self::Word(word) => f.write_str(word),
        }
    }
}

/// One fault of a list. Written and read as the [module](super) describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Term {
    pub(super) kind: Kind,
    pub(super) value: Option<Value>,
    pub(super) from: Option<Duration>,
    pub(super) lasting: Option<Duration>,
    pub(crate) rate: Option<Rate>,
}

/// What is wrong with a term.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// Nothing stands between two commas.
    #[error("a fault is missing here")]
    Missing,
    /// A name that is not in the table.
    #[error("there is no fault {name:?}{}", suggestion(*.nearest))]
    Unknown {
        /// As it was written.
        name: String,
        /// The known name that was probably meant.
        nearest: Option<&'static str>,
    },
    /// A value where none is taken.
    #[error("{0} takes no value")]
    NoValue(Kind),
    /// A value of the wrong kind, or out of range.
    #[error("{kind} takes {}, not {value:?}", expected(.kind.row().parameter))]
    Value {
        /// Of which fault.
        kind: Kind,
        /// As it was written.
        value: String,
    },
    /// No time, or one that is too long.
    #[error("{0:?} is no time: write 500ms, 3s or 2m, 100 days at most")]
    Time(String),
    /// No rate, or one out of range.
    #[error("{value:?} is no rate: write {}", rates(*.kind))]
    Rate {
        /// Of which fault.
        kind: Kind,
        /// As it was written.
        value: String,
    },
    /// `+` at a fault of a moment.
    #[error("{0} happens at a moment and lasts no time: leave the + out")]
    Moment(Kind),
    /// `@` and `~` at a fault for which they exclude each other.
    #[error("{0} comes at its time (@) or at a rate (~), not both")]
    TimeAndRate(Kind),
    /// `+` without `@`, and without the `~` that would make sense of it.
    #[error("{0} lasts from when? write {0}@FROM+LASTING{repeated}", repeated = if matches!(.0.row().manner, Manner::Span { .. }) { ", or +LASTING~RATE" } else { "" })]
    From(Kind),
    /// A group with more than its name.
    #[error("{0:?} stands for many faults, and takes nothing but its name")]
    Group(&'static str),
    /// `-name` of what the list does not have.
    #[error("-{0} takes out what is not in the list before it")]
    NotThere(Kind),
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(|| "; --faults help lists them".to_owned(), |name| format!("; did you mean {name:?}?"))
}

pub(super) fn expected(parameter: Parameter) -> String {
    match parameter {
        Parameter::None => "no value".to_owned(),
        Parameter::Count { what, least, most, .. } => format!("a number from {least} to {most} ({what})"),
        Parameter::Time { .. } => "a time".to_owned(),
        Parameter::Word(words) => words.join(" or "),
    }
}

fn rates(kind: Kind) -> &'static str {
    match kind.row().manner {
        Manner::Chance { .. } => "a chance, more than 0 and at most 1, of up to six decimals",
        Manner::Moment { .. } | Manner::Span { .. } => {
            "times a second, more than 0 and at most 1000, of up to six decimals"
        }
    }
}

impl Term {
    /// The fault as it is meant where a group is named: at its usual rate, and for its usual time.
    #[must_use]
    pub fn usual(kind: Kind) -> Self {
        let (lasting, rate) = match kind.row().manner {
            Manner::Span { usual: Some((lasting, rate)) } => (Some(lasting), Some(rate)),
            Manner::Span { usual: None } | Manner::Moment { .. } | Manner::Chance { .. } => (None, None),
        };
        Self { kind, value: None, from: None, lasting, rate }
    }

    /// Which fault.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The value behind `=`, if one was given.
    #[must_use]
    pub fn value(&self) -> Option<Value> {
        self.value
    }

    /// When it begins, or may begin to happen, for the first time.
    #[must_use]
    pub fn begins(&self) -> Duration {
        self.from.unwrap_or_default()
    }

    /// When it is over for good; `None`: never.
    #[must_use]
    pub fn ends(&self) -> Option<Duration> {
        let from = self.from?;
        match self.kind.row().manner {
            Manner::Moment { .. } => Some(from),
            Manner::Span { .. } | Manner::Chance { .. } => self.lasting.map(|lasting| from.saturating_add(lasting)),
        }
    }

    /// Reads what stands between two commas.
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        let name_end = text.find(['=', '@', '+', '~']).unwrap_or(text.len());
        let (name, mut rest) = text.split_at(name_end);
        let kind =
            Kind::named(name).ok_or_else(|| Problem::Unknown { name: name.to_owned(), nearest: nearest_name(name) })?;
        let mut part = |mark: char, stops: &[char]| -> Option<&str> {
            let after = rest.strip_prefix(mark)?;
            let (part, tail) = after.split_at(after.find(stops).unwrap_or(after.len()));
            rest = tail;
            Some(part)
        };
        let value = part('=', &['@', '+', '~']);
        let from = part('@', &['+', '~']);
        let lasting = part('+', &['~']);
        let rate = part('~', &[]);
        // What a part out of order has left over belongs to the part before it, and is no value of it.
        if !rest.is_empty() {
            return Err(Problem::Time(rest.to_owned()));
        }
        let value = value.map(|value| read_value(kind, value)).transpose()?;
        let from = from.map(read_time).transpose()?;
        let lasting = lasting.map(read_time).transpose()?;
        let rate = rate.map(|rate| read_rate(kind, rate)).transpose()?;
        let term = Self { kind, value, from, lasting, rate };
        match (kind.row().manner, from, lasting, rate) {
            (Manner::Moment { .. }, _, Some(_), _) => Err(Problem::Moment(kind)),
            (Manner::Moment { .. } | Manner::Span { .. }, Some(_), _, Some(_)) => Err(Problem::TimeAndRate(kind)),
            (Manner::Span { .. }, None, Some(_), None) | (Manner::Chance { .. }, None, Some(_), _) => {
                Err(Problem::From(kind))
            }
            _ => Ok(term),
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        if let Some(value) = self.value {
            write!(f, "={value}")?;
        }
        if let Some(from) = self.from {
            write!(f, "@{}", time_text(from))?;
        }
        if let Some(lasting) = self.lasting {
            write!(f, "+{}", time_text(lasting))?;
        }
        if let Some(rate) = self.rate {
            write!(f, "~{rate}")?;
        }
        Ok(())
    }
}

fn read_value(kind: Kind, text: &str) -> Result<Value, Problem> {
    let read = match kind.row().parameter {
        Parameter::None => return Err(Problem::NoValue(kind)),
        Parameter::Count { least, most, .. } => Some(text)
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|text| text.parse().ok())
            .filter(|number| (least..=most).contains(number))
            .map(Value::Number),
        Parameter::Time { .. } => return read_time(text).map(Value::Time),
        Parameter::Word(words) => words.iter().find(|word| **word == text).map(|&word| Value::Word(word)),
    };
    read.ok_or_else(|| Problem::Value { kind, value: text.to_owned() })
}

fn read_rate(kind: Kind, text: &str) -> Result<Rate, Problem> {
    let most = match kind.row().manner {
        Manner::Chance { .. } => Rate::ONE.millionths(),
        Manner::Moment { .. } | Manner::Span { .. } => Rate::MOST,
    };
    Rate::parse(text)
        .filter(|rate| (1..=most).contains(&rate.millionths()))
        .ok_or_else(|| Problem::Rate { kind, value: text.to_owned() })
}

/// Longest time, so that no sum of a few overflows anything.
const LONGEST: u64 = 100 * 24 * 3600 * 1000;

/// `500ms`, `3s`, `2m`; a bare number is seconds. Fractions are fine down to a millisecond.
fn read_time(text: &str) -> Result<Duration, Problem> {
    let fault = || Problem::Time(text.to_owned());
    let number_end = text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(number_end);
    // In thousandths of the unit.
    let number = decimal(number, 3).ok_or_else(fault)?;
    let millis = match unit {
        "ms" if number.is_multiple_of(1000) => Some(number / 1000),
        "" | "s" => Some(number),
        "m" => number.checked_mul(60),
        _ => None,
    };
    millis.filter(|millis| *millis <= LONGEST).map(Duration::from_millis).ok_or_else(fault)
}

fn time_text(time: Duration) -> String {
    let millis = time.as_millis();
    match millis {
        0 => "0s".to_owned(),
        _ if millis.is_multiple_of(60_000) => format!("{}m", millis / 60_000),
        _ if millis.is_multiple_of(1000) => format!("{}s", millis / 1000),
        _ => format!("{millis}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written() {
        for (text, millis, written) in [
            ("500ms", 500, "500ms"),
            ("3", 3000, "3s"),
            ("1.5s", 1500, "1500ms"),
            ("0.5m", 30_000, "30s"),
            ("2m", 120_000, "2m"),
            ("0", 0, "0s"),
        ] {
            assert_eq!(read_time(text), Ok(Duration::from_millis(millis)), "{text}");
            assert_eq!(time_text(Duration::from_millis(millis)), written);
        }
        for text in ["", "s", "-1", "1h", "1 s", "0.5ms", "1.0001s", "1.s", "144001m", "99999999999999999999m"] {
            assert_eq!(read_time(text), Err(Problem::Time(text.to_owned())));
        }
    }
}
