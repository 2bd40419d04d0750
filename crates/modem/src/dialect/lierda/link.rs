//! `AT+LMQTTOPEN`, `AT+LMQTTCONN`, `AT+LMQTTDISC`, `AT+LMQTTCLOSE`. Lierda AT manual, the sections of these names.

use std::time::Duration;

use atmqtt_at::{Fields, Progress};

use super::configure::configure;
use super::{Lmqtt, packet_fault};
use crate::dialect::Context;
use crate::dialect::session::{CommandResult, Names, Session};
use crate::fault::{ConnectFault, Fault, OpenFault, ReturnCode};
use crate::options::ConnectOptions;
use crate::profile::Profile;

impl Session for Lmqtt {
    const NAMES: &'static Names = &Names {
        open: ["+LMQTTOPEN"],
        sign_in: ["+LMQTTCONN"],
        states: "+LMQTTCONN?",
        sign_out: ["+LMQTTDISC"],
        close: ["+LMQTTCLOSE"],
    };

    async fn configure(context: &Context) -> Result<(), Fault> {
        configure(context).await
    }

    /// `+LMQTTOPEN: <id>,<result>[,<extend>]`: 0, or -1 with a reason.
    fn opened(result: CommandResult) -> Result<(), OpenFault> {
        Err(match result {
            (0, _) => return Ok(()),
            (_, Some(1)) => OpenFault::BadParameter,
            (_, Some(2)) => OpenFault::IdInUse,
            (_, Some(3)) => OpenFault::PacketNetwork,
            (_, Some(4)) => OpenFault::Dns,
            (_, Some(5)) => OpenFault::Network,
            (result, extend) => OpenFault::Vendor { result, extend },
        })
    }

    /// `+LMQTTCONN: <id>,<result>[,<return code>]`. A refusal has result 0 too: only the return code tells.
    fn signed_in(result: CommandResult) -> Result<(), ConnectFault> {
        Err(match result {
            (0, None | Some(0)) => return Ok(()),
            other => match other.1.and_then(ReturnCode::from_number) {
                Some(code) => ConnectFault::Refused(code),
                None => ConnectFault::Packet(packet_fault(other)),
            },
        })
    }

    /// Result 1 without a return code says that the packet was sent again.
    fn is_last_word(mut fields: Fields<'_>) -> Progress {
        match (fields.int::<i32>(), fields.optional_int::<i32>()) {
            (Ok(1), Ok(None)) => Progress::Intermediate,
            _ => Progress::Final,
        }
    }

    fn sign_in_patience(profile: &Profile, _: &ConnectOptions) -> Duration {
        profile.timeouts.connect.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::PacketFault;

    #[test]
    fn results_of_open() {
        for (result, expected) in [
            ((0, None), Ok(())),
            ((0, Some(0)), Ok(())),
            ((-1, Some(1)), Err(OpenFault::BadParameter)),
            ((-1, Some(2)), Err(OpenFault::IdInUse)),
            ((-1, Some(3)), Err(OpenFault::PacketNetwork)),
            ((-1, Some(4)), Err(OpenFault::Dns)),
            ((-1, Some(5)), Err(OpenFault::Network)),
            ((-1, None), Err(OpenFault::Vendor { result: -1, extend: None })),
            ((-1, Some(9)), Err(OpenFault::Vendor { result: -1, extend: Some(9) })),
        ] {
            assert_eq!(Lmqtt::opened(result), expected, "{result:?}");
        }
    }

    #[test]
    fn results_of_the_sign_in() {
        for (result, expected) in [
            ((0, None), Ok(())),
            ((0, Some(0)), Ok(())),
            ((0, Some(1)), Err(ConnectFault::Refused(ReturnCode::UnacceptableProtocolVersion))),
            ((0, Some(2)), Err(ConnectFault::Refused(ReturnCode::IdentifierRejected))),
            ((0, Some(3)), Err(ConnectFault::Refused(ReturnCode::ServerUnavailable))),
            ((0, Some(4)), Err(ConnectFault::Refused(ReturnCode::BadUserNameOrPassword))),
            ((0, Some(5)), Err(ConnectFault::Refused(ReturnCode::NotAuthorized))),
            ((2, Some(6)), Err(PacketFault::SendFailed.into())),
            ((2, None), Err(PacketFault::SendFailed.into())),
            ((0, Some(7)), Err(PacketFault::BadParameter.into())),
            ((2, Some(9)), Err(PacketFault::Vendor { result: 2, extend: Some(9) }.into())),
        ] {
            assert_eq!(Lmqtt::signed_in(result), expected, "{result:?}");
        }
    }
}
