//! `AT+QMTOPEN`, `AT+QMTCONN`, `AT+QMTDISC`, `AT+QMTCLOSE`.

use std::time::Duration;

use atmqtt_at::{Command, Stage};

use super::configure::configure;
use super::{Qmt, tls};
use crate::dialect::Context;
use crate::dialect::session::{self, CommandResult, Names, Session, packet_fault};
use crate::fault::{ConnectFault, Fault, OpenFault, PacketFault, ReturnCode};
use crate::options::ConnectOptions;
use crate::profile::{Profile, UrcSetting};
use crate::refusal::Refusal;

impl Session for Qmt {
    const NAMES: &'static Names = &Names {
        open: ["+QMTOPEN"],
        sign_in: ["+QMTCONN"],
        states: "+QMTCONN?",
        sign_out: ["+QMTDISC"],
        close: ["+QMTCLOSE"],
    };

    async fn configure(context: &Context) -> Result<(), Fault> {
        configure(context).await
    }

    /// `+QMTOPEN: <id>,<result>`. 5 is not in the manual of the NB kind.
    fn opened((result, extend): CommandResult) -> Result<(), OpenFault> {
        Err(match result {
            0 => return Ok(()),
            1 => OpenFault::BadParameter,
            // Behind a restart of the host: the module has kept the connection.
            2 => OpenFault::IdInUse,
            3 => OpenFault::PacketNetwork,
            4 => OpenFault::Dns,
            5 => OpenFault::Network,
            result => OpenFault::Vendor { result, extend },
        })
    }

    /// `+QMTCONN: <id>,<result>[,<return code>]`. A refusal has result 0: only the return code tells.
    fn signed_in(result: CommandResult) -> Result<(), ConnectFault> {
        Err(match result {
            (0, None | Some(0)) => return Ok(()),
            (0, Some(code)) => match ReturnCode::from_number(code) {
                Some(code) => ConnectFault::Refused(code),
                None => PacketFault::Vendor { result: 0, extend: Some(code) }.into(),
            },
            other => packet_fault(other).into(),
        })
    }

    /// Both kinds: the packet time-out, as often as the packet is sent.
    fn sign_in_patience(profile: &Profile, options: &ConnectOptions) -> Duration {
        profile.timeouts.connect.value.max(options.last_packet(profile))
    }
}

/// Connects. Where the module took a command and its result did not come, it may have gone to another of the module's ports: an EG800K
/// leaves the factory so.
pub(super) async fn connect(context: Context) -> Result<(), Fault> {
    let Context { dialogue, profile, .. } = context.clone();
    match session::connect::<Qmt>(context).await {
        Err(fault @ Fault::TimedOut { stage: Stage::Result, .. }) => {
            let Some(rules) = &profile.urc_port else { return Err(fault) };
            let ask = urc_port(rules.setting.value).within(profile.timeouts.command.value);
            match dialogue.try_run(ask).await {
                Ok(Some(port)) if !rules.serial.value.iter().any(|known| **known == *port) => {
                    Err(Fault::ResultsElsewhere { port, cure: rules.cure().to_string() })
                }
                _ => Err(fault),
            }
        }
        other => other,
    }
}

/// `AT+QURCCFG="urcport"`: `+QURCCFG: "urcport","<port>"`, where unsolicited lines go.
fn urc_port(UrcSetting::Qurccfg: UrcSetting) -> Command<String> {
    Command::set("+QURCCFG").key("urcport").information("+QURCCFG").decode(|answer| {
        let mut fields = answer.information("+QURCCFG")?;
        fields.text()?;
        fields.text().map(str::to_owned)
    })
}

/// Refuses what the module cannot connect with.
pub(super) fn check(profile: &Profile, options: &ConnectOptions) -> Result<(), Refusal> {
    if options.broker.tls { tls::check(profile, &options.tls) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_open() {
        for (result, expected) in [
            ((0, None), Ok(())),
            ((1, None), Err(OpenFault::BadParameter)),
            ((2, None), Err(OpenFault::IdInUse)),
            ((3, None), Err(OpenFault::PacketNetwork)),
            ((4, None), Err(OpenFault::Dns)),
            ((5, None), Err(OpenFault::Network)),
            ((-1, None), Err(OpenFault::Vendor { result: -1, extend: None })),
        ] {
            assert_eq!(Qmt::opened(result), expected, "{result:?}");
        }
    }

    #[test]
    fn results_of_the_sign_in() {
        for (result, expected) in [
            ((0, Some(0)), Ok(())),
            ((0, None), Ok(())),
            ((0, Some(1)), Err(ConnectFault::Refused(ReturnCode::UnacceptableProtocolVersion))),
            ((0, Some(5)), Err(ConnectFault::Refused(ReturnCode::NotAuthorized))),
            ((0, Some(6)), Err(PacketFault::Vendor { result: 0, extend: Some(6) }.into())),
            ((2, None), Err(PacketFault::SendFailed.into())),
            ((2, Some(5)), Err(PacketFault::SendFailed.into())),
        ] {
            assert_eq!(Qmt::signed_in(result), expected, "{result:?}");
        }
    }
}
