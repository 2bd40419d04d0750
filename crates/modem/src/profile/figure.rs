//! One figure of a profile, with how it is known, and its forms in a file: `{ bytes = 256, evidence = "manual" }`.

use std::fmt;
use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// How a figure is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Evidence {
    /// The vendor's manual says so.
    #[serde(rename = "manual")]
    Manual,
    /// Others measured it on hardware.
    #[serde(rename = "measured")]
    Measured,
    /// A driver that works does so.
    #[serde(rename = "driver code")]
    DriverCode,
    /// Nobody says so; it follows from something else.
    #[serde(rename = "inferred")]
    Inferred,
    /// Whoever runs the driver says so. No file does.
    #[serde(skip)]
    Override,
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Evidence::Manual => "manual",
            Evidence::Measured => "measured",
            Evidence::DriverCode => "driver code",
            Evidence::Inferred => "inferred",
            Evidence::Override => "override",
        })
    }
}

/// One figure of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figure<T> {
    /// The figure.
    pub value: T,
    /// How it is known.
    pub evidence: Evidence,
}

macro_rules! forms {
    ($($function:ident: $unit:ident: $type:ty,)*) => {$(
        pub(super) fn $function<'de, D: Deserializer<'de>>(from: D) -> Result<Figure<$type>, D::Error> {
            #[derive(Deserialize)]
            #[serde(deny_unknown_fields)]
            struct Form {
                $unit: $type,
                evidence: Evidence,
            }
            let Form { $unit: value, evidence } = Form::deserialize(from)?;
            Ok(Figure { value, evidence })
        }
    )*};
}

forms! {
    bytes: bytes: usize,
    count: count: u32,
    rate: bits_per_second: u32,
    port: port: Box<str>,
    ports: ports: Vec<Box<str>>,
    decimal_seconds: seconds: f64,
}

/// A rule is one of several words.
pub(super) fn rule<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Figure<T>, D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Form<T> {
        rule: T,
        evidence: Evidence,
    }
    let Form { rule, evidence } = Form::deserialize(from)?;
    Ok(Figure { value: rule, evidence })
}

pub(super) fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Figure<Duration>, D::Error> {
    let Figure { value, evidence } = decimal_seconds(from)?;
    let value = Duration::try_from_secs_f64(value).map_err(D::Error::custom)?;
    Ok(Figure { value, evidence })
}

pub(super) fn optional_bytes<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Figure<usize>>, D::Error> {
    bytes(from).map(Some)
}

pub(super) fn optional_count<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Figure<u32>>, D::Error> {
    count(from).map(Some)
}

pub(super) fn optional_port<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Figure<Box<str>>>, D::Error> {
    port(from).map(Some)
}

pub(super) fn optional_seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Figure<Duration>>, D::Error> {
    seconds(from).map(Some)
}
