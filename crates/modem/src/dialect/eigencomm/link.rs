//! `AT+ECMTOPEN`, `AT+ECMTCONN`, `AT+ECMTDISC`, `AT+ECMTCLOSE`.
//!
//! OPEN of a connection that is open already answers `OK`, and then nothing: it is always put away first.

use std::time::Duration;

use super::Ecmt;
use super::configure::configure;
use crate::dialect::Context;
use crate::dialect::session::{CommandResult, Names, Session, packet_fault};
use crate::fault::{ConnectFault, Fault, OpenFault, PacketFault, ReturnCode};
use crate::options::ConnectOptions;
use crate::profile::Profile;
use crate::refusal::Refusal;

impl Session for Ecmt {
    const NAMES: &'static Names = &Names {
        open: ["+ECMTOPEN"],
        sign_in: ["+ECMTCONN"],
        states: "+ECMTCONN?",
        sign_out: ["+ECMTDISC"],
        close: ["+ECMTCLOSE"],
    };

    async fn configure(context: &Context) -> Result<(), Fault> {
        configure(context).await
    }

    /// `+ECMTOPEN: <id>,<result>`: 0, or -1 without a reason.
    fn opened((result, extend): CommandResult) -> Result<(), OpenFault> {
        if result == 0 { Ok(()) } else { Err(OpenFault::Vendor { result, extend }) }
    }

    /// `+ECMTCONN: <id>,<result>[,<return code>]`. A refusal has result 0: only the return code tells. With another result, the
    /// code is none of the broker's (firmware: a link that failed gives `2,2`).
    fn signed_in(result: CommandResult) -> Result<(), ConnectFault> {
        Err(match result {
            (0, None | Some(0)) => return Ok(()),
            // Firmware: the link failed before an answer came.
            (0, Some(6)) => ConnectFault::Closed,
            (0, Some(code)) => match ReturnCode::from_number(code) {
                Some(code) => ConnectFault::Refused(code),
                None => PacketFault::Vendor { result: 0, extend: Some(code) }.into(),
            },
            other => packet_fault(other).into(),
        })
    }

    /// The module sends CONNECT again as it does any packet.
    fn sign_in_patience(profile: &Profile, options: &ConnectOptions) -> Duration {
        profile.timeouts.connect.value.max(options.last_packet(profile))
    }
}

/// Refuses what the module cannot connect with.
pub(super) fn check(profile: &Profile, options: &ConnectOptions) -> Result<(), Refusal> {
    let model = || profile.model.name.clone();
    if options.broker.tls {
        // The key "ssl" is known from the firmware; that it works, and checks the server, is not.
        return Err(Refusal::TlsUnsupported { model: model() });
    }
    if options.packet_retries == 0 {
        let what = "the count of packet retries";
        return Err(Refusal::OutOfRange { what, value: 0, low: 1, high: 10, model: model() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_open() {
        for (result, expected) in [
            ((0, None), Ok(())),
            ((-1, None), Err(OpenFault::Vendor { result: -1, extend: None })),
            ((1, None), Err(OpenFault::Vendor { result: 1, extend: None })),
        ] {
            assert_eq!(Ecmt::opened(result), expected, "{result:?}");
        }
    }

    #[test]
    fn results_of_the_sign_in() {
        for (result, expected) in [
            ((0, Some(0)), Ok(())),
            ((0, None), Ok(())),
            ((0, Some(5)), Err(ConnectFault::Refused(ReturnCode::NotAuthorized))),
            ((0, Some(6)), Err(ConnectFault::Closed)),
            ((0, Some(9)), Err(PacketFault::Vendor { result: 0, extend: Some(9) }.into())),
            // Not the broker's "this client id is not allowed".
            ((2, Some(2)), Err(PacketFault::SendFailed.into())),
            ((2, None), Err(PacketFault::SendFailed.into())),
        ] {
            assert_eq!(Ecmt::signed_in(result), expected, "{result:?}");
        }
    }
}
