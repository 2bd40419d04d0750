//! The numbers behind results: `<err>` of all `+CMQTT…` lines.

use crate::fault::{ConnectFault, OpenFault, PacketFault, ReturnCode};

/// What went wrong, as the manuals number it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code(pub(super) i32);

impl Code {
    /// "client is used": an earlier host has left it behind.
    pub(super) const CLIENT_USED: Code = Code(19);
    /// "message receive timeout": it was sent, and not acknowledged in time.
    pub(super) const TIMEOUT: Code = Code(17);
    /// "network is opened": the service was started already.
    pub(super) const ALREADY_STARTED: Code = Code(23);

    /// "socket is closed by server": what was on its way may have arrived.
    pub(super) const CLOSED: Code = Code(26);
    /// "open session failed"
    pub(super) const SESSION: Code = Code(34);

    /// Of CMQTTSTART and CMQTTACCQ.
    pub(super) fn while_opening(self) -> OpenFault {
        match self.0 {
            3 | 4 | 17 => OpenFault::Network,
            // The packet network could not be opened, or is not open.
            7 | 9 | 34 => OpenFault::PacketNetwork,
            12 | 22 => OpenFault::BadParameter,
            19 => OpenFault::IdInUse,
            25 => OpenFault::Dns,
            // The handshake failed; there is no certificate.
            32 | 33 => OpenFault::Tls,
            result => OpenFault::Vendor { result, extend: None },
        }
    }

    /// Of CMQTTCONNECT, which both opens the link and signs in.
    pub(super) fn while_connecting(self) -> Result<ConnectFault, OpenFault> {
        Ok(match self.0 {
            26 => ConnectFault::Closed,
            27 => ConnectFault::Refused(ReturnCode::UnacceptableProtocolVersion),
            28 => ConnectFault::Refused(ReturnCode::IdentifierRejected),
            29 => ConnectFault::Refused(ReturnCode::ServerUnavailable),
            30 => ConnectFault::Refused(ReturnCode::BadUserNameOrPassword),
            31 => ConnectFault::Refused(ReturnCode::NotAuthorized),
            16 => PacketFault::SendFailed.into(),
            _ => return Err(self.while_opening()),
        })
    }

    /// Of a packet.
    pub(super) fn of_packet(self) -> PacketFault {
        match self.0 {
            // 16: not sent; 17: sent, and not acknowledged in time.
            16 | 17 => PacketFault::SendFailed,
            2 | 12 | 18 | 22 => PacketFault::BadParameter,
            result => PacketFault::Vendor { result, extend: None },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        for (code, expected) in [
            (3, Err(OpenFault::Network)),
            (7, Err(OpenFault::PacketNetwork)),
            (9, Err(OpenFault::PacketNetwork)),
            (12, Err(OpenFault::BadParameter)),
            (19, Err(OpenFault::IdInUse)),
            (25, Err(OpenFault::Dns)),
            (32, Err(OpenFault::Tls)),
            (35, Err(OpenFault::Vendor { result: 35, extend: None })),
            (26, Ok(ConnectFault::Closed)),
            (27, Ok(ConnectFault::Refused(ReturnCode::UnacceptableProtocolVersion))),
            (31, Ok(ConnectFault::Refused(ReturnCode::NotAuthorized))),
            (16, Ok(PacketFault::SendFailed.into())),
        ] {
            assert_eq!(Code(code).while_connecting(), expected, "{code}");
        }
        for (code, expected) in [
            (16, PacketFault::SendFailed),
            (17, PacketFault::SendFailed),
            (2, PacketFault::BadParameter),
            (14, PacketFault::Vendor { result: 14, extend: None }),
        ] {
            assert_eq!(Code(code).of_packet(), expected, "{code}");
        }
    }
}
