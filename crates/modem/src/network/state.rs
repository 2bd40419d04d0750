//! What SIM, signal and registration can be, and how the module puts it.

use std::fmt;

use atmqtt_at::{Fields, FinalResult, Malformed};

use crate::power_saving::Psm;

/// What `AT+CPIN?` says. 3GPP 27.007, 8.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SimState {
    /// It can be used.
    Ready,
    /// It wants its PIN.
    PinRequired,
    /// Three wrong PINs: it wants its PUK.
    PukRequired,
    /// It is not there.
    NotInserted,
    /// It is still starting.
    Busy,
    /// It is broken, or something else is wanted of it.
    Failure,
}

impl fmt::Display for SimState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SimState::Ready => "ready",
            SimState::PinRequired => "locked with a PIN",
            SimState::PukRequired => "locked with a PUK",
            SimState::NotInserted => "not inserted",
            SimState::Busy => "busy",
            SimState::Failure => "not usable",
        })
    }
}

impl SimState {
    pub(super) fn of_word(word: &str) -> SimState {
        match word {
            "READY" => SimState::Ready,
            "SIM PIN" | "SIM PIN2" => SimState::PinRequired,
            "SIM PUK" | "SIM PUK2" => SimState::PukRequired,
            _ => SimState::Failure,
        }
    }

    /// What a refusal of `AT+CPIN?` means, as a number or in words.
    pub(super) fn of_refusal(result: &FinalResult) -> SimState {
        let FinalResult::Equipment(cause) = result else { return SimState::Failure };
        match (cause.code, cause.meaning().unwrap_or_default().to_ascii_lowercase().as_str()) {
            (Some(10), _) | (None, "sim not inserted") => SimState::NotInserted,
            (Some(11), _) | (None, "sim pin required") => SimState::PinRequired,
            (Some(12), _) | (None, "sim puk required") => SimState::PukRequired,
            (Some(14), _) | (None, "sim busy") => SimState::Busy,
            _ => SimState::Failure,
        }
    }
}

/// How strong the signal is. Each figure is `None` while the module does not know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Signal {
    /// Received signal strength, in dBm. `AT+CSQ`.
    pub rssi_dbm: Option<i32>,
    /// Reference signal received power, in dBm, rounded down. `AT+CESQ`.
    pub rsrp_dbm: Option<i32>,
    /// Reference signal received quality, in tenths of a dB. `AT+CESQ`.
    pub rsrq_tenth_db: Option<i32>,
}

/// Whether a network has let the module in. 3GPP 27.007, 10.1.22.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistrationStatus {
    /// 0: not registered, and not searching.
    NotRegistered,
    /// 1: in the home network.
    Home,
    /// 2: searching.
    Searching,
    /// 3: the network said no.
    Denied,
    /// 5: in another network.
    Roaming,
    /// 4, and whatever else a module may say.
    Unknown,
}

impl RegistrationStatus {
    fn from_number(number: u8) -> RegistrationStatus {
        match number {
            0 => RegistrationStatus::NotRegistered,
            1 => RegistrationStatus::Home,
            2 => RegistrationStatus::Searching,
            3 => RegistrationStatus::Denied,
            5 => RegistrationStatus::Roaming,
            _ => RegistrationStatus::Unknown,
        }
    }

    /// Whether data can be sent.
    #[must_use]
    pub fn is_registered(self) -> bool {
        matches!(self, RegistrationStatus::Home | RegistrationStatus::Roaming)
    }
}

impl fmt::Display for RegistrationStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RegistrationStatus::NotRegistered => "not registered",
            RegistrationStatus::Home => "home",
            RegistrationStatus::Searching => "searching",
            RegistrationStatus::Denied => "denied",
            RegistrationStatus::Roaming => "roaming",
            RegistrationStatus::Unknown => "unknown",
        })
    }
}

/// Where the module is registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Registration {
    /// Whether it is.
    pub status: RegistrationStatus,
    /// The tracking area code.
    pub area_code: Option<u32>,
    /// The cell.
    pub cell_id: Option<u32>,
    /// Why the network said no. 3GPP 24.301, annex A.
    pub reject_cause: Option<u16>,
    /// The timers of power saving mode, where the module tells them. 3GPP TS 27.007, 10.1.22, with `<n>` 4 or 5.
    pub psm: Option<Psm>,
}

impl Registration {
    /// Reads `<stat>[,[<tac>],[<ci>],[<AcT>][,[<cause_type>],[<reject_cause>][,[<Active-Time>],[<Periodic-TAU>]]]]`.
    pub(crate) fn decode(fields: &mut Fields<'_>) -> Result<Registration, Malformed> {
        let status = RegistrationStatus::from_number(fields.int()?);
        let (area_code, cell_id) = (fields.optional_hex()?, fields.optional_hex()?);
        let _access_technology = fields.bytes();
        let _cause_type = fields.bytes();
        let reject_cause = fields.optional_int()?;
        // Timers that cannot be read are not known, and the rest of the line is no worse for it.
        let psm = Psm::decode(fields).unwrap_or_default();
        Ok(Registration { status, area_code, cell_id, reject_cause, psm })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_of_the_sim_in_numbers_and_in_words() {
        for (line, expected) in [
            ("+CME ERROR: 10", SimState::NotInserted),
            ("+CME ERROR: SIM not inserted", SimState::NotInserted),
            ("+CME ERROR: 14", SimState::Busy),
            ("+CME ERROR: SIM busy", SimState::Busy),
            ("+CME ERROR: 12", SimState::PukRequired),
            ("+CME ERROR: 13", SimState::Failure),
            ("ERROR", SimState::Failure),
        ] {
            assert_eq!(SimState::of_refusal(&FinalResult::parse(line.as_bytes()).unwrap()), expected, "{line}");
        }
    }
}
