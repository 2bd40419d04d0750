//! What a module tells of what its network has granted it to save power.

use serde::Deserialize;

use super::figure::{self, Figure};

/// How a module is asked what its network has granted it to save power ([`PowerSaving`](crate::PowerSaving)).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PowerSavingRules {
    /// What asks for extended discontinuous reception.
    #[serde(deserialize_with = "figure::rule")]
    pub edrx: Figure<EdrxQuery>,
    /// The `<n>` of `AT+CEREG` with which it tells the timers of power saving mode. `None`: it knows none of those.
    #[serde(default, deserialize_with = "figure::optional_count")]
    pub registration: Option<Figure<u32>>,
}

/// The command that asks which extended discontinuous reception is in use. It changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EdrxQuery {
    /// `AT+CEDRXRDP`. 3GPP TS 27.007, 7.41.
    Cedrxrdp,
}

impl EdrxQuery {
    /// As profiles write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            EdrxQuery::Cedrxrdp => "cedrxrdp",
        }
    }
}
