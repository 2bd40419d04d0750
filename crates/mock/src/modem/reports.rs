//! How errors are reported, and how the registration is.

use super::radio::RegistrationStatus;

/// How errors are reported (`AT+CMEE`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ErrorReport {
    #[default]
    Plain,
    Numeric,
    Verbose,
}

/// The three registration commands differ by name and by the largest `<n>`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RegistrationReports {
    pub(super) eps: u8,
    pub(super) gprs: u8,
    pub(super) circuit: u8,
}

const TAC: &str = "\"1A2B\"";
const CELL: &str = "\"0C3D4E5F\"";
/// E-UTRAN (3GPP TS 27.007, 10.1.22).
pub(super) const ACCESS_TECHNOLOGY: u8 = 7;

impl RegistrationReports {
    /// `<n>` of that command, and its largest value.
    pub(super) fn slot(&mut self, name: &str) -> Option<(&mut u8, u8)> {
        match name {
            "+CEREG" => Some((&mut self.eps, 5)),
            "+CGREG" => Some((&mut self.gprs, 2)),
            "+CREG" => Some((&mut self.circuit, 2)),
            _ => None,
        }
    }

    /// The lines to report a changed status with.
    pub(super) fn urcs(self, status: RegistrationStatus) -> impl Iterator<Item = String> {
        [("+CEREG", self.eps), ("+CGREG", self.gprs), ("+CREG", self.circuit)]
            .into_iter()
            .filter(|&(_, report)| report > 0)
            .map(move |(name, report)| format!("{name}: {}", registration_fields(report, status)))
    }
}

/// `<stat>[,[<tac>],[<ci>],[<AcT>][,<cause_type>,<reject_cause>]]` as `<n>` asks for it.
pub(super) fn registration_fields(report: u8, status: RegistrationStatus) -> String {
    let code = status.code();
    let cell = match status.is_registered() {
        true => format!(",{TAC},{CELL},{ACCESS_TECHNOLOGY}"),
        false => String::new(),
    };
    match (report, status) {
        (0 | 1, _) => code.to_string(),
        (3 | 5, RegistrationStatus::Denied(cause)) => format!("{code},,,,0,{cause}"),
        _ => format!("{code}{cell}"),
    }
}
