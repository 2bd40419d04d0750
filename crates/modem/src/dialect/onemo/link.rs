//! `AT+MQTTCONN`, `AT+MQTTDISC`, `AT+MQTTSTATE`.

use atmqtt_at::{Command, Fields, Progress, Stage};

use super::TOLD;
use super::configure::configure;
use crate::dialect::{Context, LinkReport};
use crate::fault::{ConnectFault, Fault, OpenFault, PacketFault};
use crate::options::ConnectOptions;
use crate::profile::Profile;
use crate::refusal::Refusal;

/// The shortest keep-alive but none, in seconds.
const KEEP_ALIVE: u16 = 60;

/// Refuses what the module cannot connect with.
pub(super) fn check(profile: &Profile, options: &ConnectOptions) -> Result<(), Refusal> {
    let model = || profile.model.name.clone();
    if options.broker.tls {
        return Err(Refusal::TlsUnsupported { model: model() });
    }
    if options.sign_in.is_some() {
        return Err(Refusal::NoModuleSignIn { model: model() });
    }
    if (1..KEEP_ALIVE).contains(&options.keep_alive) {
        return Err(Refusal::OutOfRange {
            what: "the keep-alive",
            value: options.keep_alive.into(),
            low: KEEP_ALIVE.into(),
            high: profile.limits.keep_alive.value,
            model: model(),
        });
    }
    Ok(())
}

/// "already connected": an earlier host has left the connection behind.
const ALREADY_CONNECTED: u16 = 604;

/// `<state>`: closed by the host.
const CLOSED: i32 = 2;

/// Puts away, configures and connects, which signs in too.
pub(super) async fn connect(context: Context) -> Result<(), Fault> {
    let connected = configure_and_connect(&context).await;
    if connected.is_err() {
        put_away(&context).await.ok();
    }
    connected
}

async fn configure_and_connect(context: &Context) -> Result<(), Fault> {
    put_away(context).await?;
    match attempt(context).await {
        // A session that is not ours: put it away once more, and no more than once.
        Err(Fault::Open { fault: OpenFault::IdInUse, .. }) => {
            put_away(context).await?;
            attempt(context).await
        }
        other => other,
    }
}

/// `AT+MQTTCONN=<id>,"<host>",<port>,"<client id>"[,"<user>"[,"<password>"]]` → `OK` → `+MQTTURC: "conn",<id>,<state>`
async fn attempt(context: &Context) -> Result<(), Fault> {
    let Context { dialogue, profile, options } = context;
    configure(context).await?;
    dialogue.note_link_open();
    let mut command = Command::set("+MQTTCONN")
        .int(options.connection)
        .text(&options.broker.host)
        .int(options.broker.port)
        .text(&options.client_id);
    if let Some(username) = &options.username {
        command = command.text(username);
        if let Some(password) = &options.password {
            command = command.secret(password);
        }
    }
    let command = command
        .result_when(TOLD, &[i64::from(options.connection)], is_end_of_sign_in)
        .worded(&["conn"])
        .deferrable(true)
        .within(options.opening(profile.timeouts.open.value.max(profile.timeouts.connect.value), profile))
        .decode(|answer| {
            let mut fields = answer.result()?;
            fields.text()?;
            fields.int::<u8>()?;
            fields.int()
        });
    let broker = || options.broker.to_string();
    let fault = match dialogue.run(command).await {
        Ok(state) => match signed_in(state) {
            Ok(()) => return Ok(()),
            Err(fault) => fault,
        },
        Err(Fault::LinkLost) => Err(ConnectFault::Closed),
        Err(Fault::Refused { command, result }) => match result.code().and_then(refused) {
            Some(fault) => fault,
            None => return Err(Fault::Refused { command, result }),
        },
        Err(fault) => return Err(fault),
    };
    Err(match fault {
        Ok(fault) => Fault::Open { broker: broker(), fault },
        Err(fault) => Fault::Connect { broker: broker(), fault },
    })
}

/// The state of what was put away before may be told late, and one more try is under way at 1.
fn is_end_of_sign_in(mut fields: Fields<'_>) -> Progress {
    let state = fields.text().and_then(|_| fields.int::<u8>()).and_then(|_| fields.int::<i32>());
    if matches!(state, Ok(1 | 2)) { Progress::Intermediate } else { Progress::Final }
}

/// The state of the sign-in that is being taken back may be told in between.
fn is_end_of_sign_out(mut fields: Fields<'_>) -> Progress {
    let state = fields.text().and_then(|_| fields.int::<u8>()).and_then(|_| fields.int::<i32>());
    if matches!(state, Ok(0 | 1)) { Progress::Intermediate } else { Progress::Final }
}

/// `<state>` of a sign-in. There is one state for all refusals of the broker.
fn signed_in(state: i32) -> Result<(), Result<OpenFault, ConnectFault>> {
    Err(match state {
        0 => return Ok(()),
        3 => Err(ConnectFault::RefusedWithoutReason),
        4 => Err(ConnectFault::Closed),
        5 => Err(PacketFault::SendFailed.into()),
        6 => Ok(OpenFault::Network),
        result => Ok(OpenFault::Vendor { result, extend: None }),
    })
}

/// The equipment errors of CONN.
fn refused(code: u16) -> Option<Result<OpenFault, ConnectFault>> {
    Some(Ok(match code {
        601 => OpenFault::BadParameter,
        602 => OpenFault::Network,
        603 | ALREADY_CONNECTED => OpenFault::IdInUse,
        605 => OpenFault::PacketNetwork,
        608 => OpenFault::Dns,
        600 | 606 | 607 => OpenFault::Vendor { result: code.into(), extend: None },
        _ => return None,
    }))
}

/// `AT+MQTTDISC=<id>` → `OK` → `+MQTTURC: "conn",<id>,2`, whatever it says: a refusal means that there is nothing to put away, and what is
/// late does not matter. Whether it has closed something.
pub(super) async fn put_away(Context { dialogue, profile, options }: &Context) -> Result<bool, Fault> {
    let command = Command::set("+MQTTDISC")
        .int(options.connection)
        .result_when(TOLD, &[i64::from(options.connection)], is_end_of_sign_out)
        .worded(&["conn"])
        .within(profile.timeouts.disconnect.value)
        .decode(|answer| {
            let state = answer.result().and_then(|mut fields| {
                fields.text()?;
                fields.int::<u8>()?;
                fields.int()
            });
            Ok(state == Ok(CLOSED))
        });
    match dialogue.try_run(command).await {
        Ok(closed) => Ok(closed == Some(true)),
        Err(Fault::TimedOut { stage: Stage::Result, .. } | Fault::LinkLost) => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// `AT+MQTTSTATE=<id>`: `+MQTTSTATE: <state>`.
pub(super) fn report(connection: u8) -> Command<Vec<(Option<u8>, LinkReport)>> {
    Command::set("+MQTTSTATE").int(connection).information("+MQTTSTATE").decode(|answer| {
        let report = match answer.information("+MQTTSTATE")?.int()? {
            1 => LinkReport::Connecting,
            2 => LinkReport::Connected,
            3 => LinkReport::Closed,
            _ => LinkReport::Unknown,
        };
        Ok(vec![(None, report)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_and_errors_of_the_sign_in() {
        for (state, expected) in [
            (0, Ok(())),
            (3, Err(Err(ConnectFault::RefusedWithoutReason))),
            (4, Err(Err(ConnectFault::Closed))),
            (6, Err(Ok(OpenFault::Network))),
            (255, Err(Ok(OpenFault::Vendor { result: 255, extend: None }))),
        ] {
            assert_eq!(signed_in(state), expected, "{state}");
        }
        for (code, expected) in [
            (604, Some(OpenFault::IdInUse)),
            (605, Some(OpenFault::PacketNetwork)),
            (608, Some(OpenFault::Dns)),
            (3, None),
        ] {
            assert_eq!(refused(code).map(Result::unwrap), expected, "{code}");
        }
    }
}
