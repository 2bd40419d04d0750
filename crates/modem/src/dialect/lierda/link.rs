//! `AT+LMQTTOPEN`, `AT+LMQTTCONN`, `AT+LMQTTDISC`, `AT+LMQTTCLOSE`.

use atmqtt_at::{Command, Fields, Malformed, Progress};

use super::configure::configure;
use super::{packet_fault, result_and_extend};
use crate::dialect::{Context, LinkReport};
use crate::fault::{ConnectFault, Fault, OpenFault, ReturnCode};
use crate::options::ConnectOptions;
use crate::profile::Profile;

/// Puts away, configures, opens and signs in. A broker drops a link that is silent for some seconds, so nothing stands
/// between OPEN and CONN.
pub(super) async fn connect(context: Context) -> Result<(), Fault> {
    let signed_in = open_and_sign_in(&context).await;
    if signed_in.is_err() {
        // A link that is half open would answer the next OPEN with "in use".
        put_away(&context).await.ok();
    }
    signed_in
}

async fn open_and_sign_in(context: &Context) -> Result<(), Fault> {
    put_away(context).await?;
    let opened = match configure_and_open(context).await? {
        // A session that is not ours: put it away once more, and no more than once.
        Err(OpenFault::IdInUse) => {
            put_away(context).await?;
            configure_and_open(context).await?
        }
        other => other,
    };
    let broker = || context.options.broker.to_string();
    opened.map_err(|fault| Fault::Open { broker: broker(), fault })?;
    context.dialogue.note_link_open();
    let signed_in = match context.dialogue.run(sign_in(&context.options, &context.profile)).await {
        Err(Fault::LinkLost) => Err(ConnectFault::Closed),
        other => other?,
    };
    signed_in.map_err(|fault| Fault::Connect { broker: broker(), fault })
}

async fn configure_and_open(context: &Context) -> Result<Result<(), OpenFault>, Fault> {
    configure(context).await?;
    context.dialogue.run(open(&context.options, &context.profile)).await
}

/// Signs out and closes.
pub(super) async fn disconnect(context: Context) -> Result<(), Fault> {
    put_away(&context).await
}

/// DISC and CLOSE, whatever they say: a refusal means that there is nothing to put away, and what is late does not matter.
async fn put_away(context: &Context) -> Result<(), Fault> {
    let (id, timeouts) = (context.options.connection, &context.profile.timeouts);
    for command in [
        closing("+LMQTTDISC", &["+LMQTTDISC"], id).within(timeouts.disconnect.value).done(),
        closing("+LMQTTCLOSE", &["+LMQTTCLOSE"], id).within(timeouts.close.value).done(),
    ] {
        match context.dialogue.try_run(command).await {
            Ok(_) | Err(Fault::TimedOut { stage: atmqtt_at::Stage::Result, .. } | Fault::LinkLost) => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(())
}

/// `AT+LMQTTDISC=<id>` and `AT+LMQTTCLOSE=<id>`. Lierda AT manual, LMQTTDISC and LMQTTCLOSE.
fn closing(name: &'static str, results: &'static [&'static str], id: u8) -> atmqtt_at::CommandBuilder {
    Command::set(name).int(id).result(results, &[i64::from(id)])
}

/// `AT+LMQTTOPEN=<id>,"<host>",<port>`: opens the link. Lierda AT manual, LMQTTOPEN.
fn open(options: &ConnectOptions, profile: &Profile) -> Command<Result<(), OpenFault>> {
    Command::set("+LMQTTOPEN")
        .int(options.connection)
        .text(&options.broker.host)
        .int(options.broker.port)
        .result(&["+LMQTTOPEN"], &[i64::from(options.connection)])
        .within(profile.timeouts.open.value)
        .decode(|answer| Ok(opened(result_and_extend(answer.result()?)?)))
}

/// `+LMQTTOPEN: <id>,<result>[,<extend>]`: 0, or -1 with a reason.
fn opened(result: (i32, Option<i32>)) -> Result<(), OpenFault> {
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

/// `AT+LMQTTCONN=<id>,"<client id>"[,"<user>"[,"<password>"]]`. With a sign-in of the module's own, user and password are
/// left out. Lierda AT manual, LMQTTCONN.
fn sign_in(options: &ConnectOptions, profile: &Profile) -> Command<Result<(), ConnectFault>> {
    let mut command = Command::set("+LMQTTCONN").int(options.connection).text(&options.client_id);
    if let (Some(username), None) = (&options.username, &options.sign_in) {
        command = command.text(username);
        if let Some(password) = &options.password {
            command = command.secret(password);
        }
    }
    command
        .result_when(&["+LMQTTCONN"], &[i64::from(options.connection)], signing_in)
        .within(profile.timeouts.connect.value)
        .decode(|answer| Ok(signed_in(result_and_extend(answer.result()?)?)))
}

/// Result 1 says that the packet was sent again: the last word is still to come.
fn signing_in(mut fields: Fields<'_>) -> Progress {
    match (fields.int::<i32>(), fields.optional_int::<i32>()) {
        (Ok(1), Ok(None)) => Progress::Intermediate,
        _ => Progress::Final,
    }
}

/// `+LMQTTCONN: <id>,<result>[,<return code>]`. A refusal has result 0 too: only the return code tells.
fn signed_in(result: (i32, Option<i32>)) -> Result<(), ConnectFault> {
    Err(match result {
        (0, None | Some(0)) => return Ok(()),
        other => match other.1.and_then(ReturnCode::from_number) {
            Some(code) => ConnectFault::Refused(code),
            None => ConnectFault::Packet(packet_fault(other)),
        },
    })
}

/// `AT+LMQTTCONN?`: `+LMQTTCONN: <id>,<state>`. Lierda AT manual, LMQTTCONN. A line with a third argument is the result of
/// a sign-in, not a state.
pub(super) fn reports() -> Command<Vec<(u8, LinkReport)>> {
    Command::execute("+LMQTTCONN?")
        .information_like("+LMQTTCONN", |mut fields| {
            let state = (fields.int::<u8>(), fields.int::<u8>());
            matches!(state, (Ok(_), Ok(_))) && fields.remainder().is_none()
        })
        .decode(|answer| answer.lines().iter().filter_map(|line| line.information("+LMQTTCONN")).map(report).collect())
}

fn report(mut fields: Fields<'_>) -> Result<(u8, LinkReport), Malformed> {
    let connection = fields.int()?;
    let report = match fields.int()? {
        1 => LinkReport::Initialising,
        2 => LinkReport::Connecting,
        3 => LinkReport::Connected,
        4 => LinkReport::Disconnecting,
        _ => LinkReport::Unknown,
    };
    Ok((connection, report))
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
            assert_eq!(opened(result), expected, "{result:?}");
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
            assert_eq!(signed_in(result), expected, "{result:?}");
        }
    }
}
