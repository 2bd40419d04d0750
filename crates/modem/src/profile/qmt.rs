//! What differs between modules of the dialect `qmt`.

use serde::Deserialize;

use super::figure::{self, Figure};

/// Which of its kinds a module is, and how it takes data.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct QmtRules {
    /// Its kind.
    #[serde(deserialize_with = "figure::rule")]
    pub kind: Figure<QmtKind>,
    /// How it knows where data behind a prompt end.
    #[serde(deserialize_with = "figure::rule")]
    pub data: Figure<QmtData>,
}

/// The two kinds of `AT+QMT*`: they differ in the keys of `AT+QMTCFG`, and in the commands that publish and read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QmtKind {
    /// `BC26`, `BC660K`.
    Nb,
    /// `EC2x`, `EG9x`, `EC200`, `EC800`, `BG9x`.
    Lte,
}

impl QmtKind {
    /// As profiles write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            QmtKind::Nb => "nb",
            QmtKind::Lte => "lte",
        }
    }
}

/// How the end of data behind a prompt is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QmtData {
    /// By their length, which the command gives.
    Counted,
    /// By Ctrl-Z.
    Terminated,
}

impl QmtData {
    /// As profiles write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            QmtData::Counted => "counted",
            QmtData::Terminated => "terminated",
        }
    }
}
