//! `AT+CMQTTSTART`, `AT+CMQTTACCQ`, `AT+CMQTTCONNECT`, `AT+CMQTTDISC`, `AT+CMQTTREL`, `AT+CMQTTSTOP`.

use atmqtt_at::{Command, Ending, Malformed, Stage, Text};

use super::code::Code;
use super::configure::configure;
use super::{kind, staging, version};
use crate::dialect::{Context, LinkReport};
use crate::fault::{ConnectFault, Fault, OpenFault};
use crate::options::ConnectOptions;
use crate::profile::{CmqttKind, CmqttVersion, Profile};
use crate::refusal::Refusal;

/// How long the module waits for the end of what is under way, in seconds: the smallest that all models take.
pub(super) const PATIENCE: u8 = 60;

/// Refuses what the module cannot connect with.
pub(super) fn check(profile: &Profile, options: &ConnectOptions) -> Result<(), Refusal> {
    let model = || profile.model.name.clone();
    if options.sign_in.is_some() {
        return Err(Refusal::NoModuleSignIn { model: model() });
    }
    if options.keep_alive == 0 {
        let (what, high) = ("the keep-alive", profile.limits.keep_alive.value);
        return Err(Refusal::OutOfRange { what, value: 0, low: 1, high, model: model() });
    }
    match &options.will {
        Some(will) if will.retain => Err(Refusal::Unsupported { what: "a will that the broker keeps", model: model() }),
        Some(will) if will.payload.is_empty() => Err(Refusal::EmptyPayload { model: model() }),
        _ => Ok(()),
    }
}

/// Puts away, starts the service, acquires the client, configures it and connects.
pub(super) async fn connect(context: Context) -> Result<(), Fault> {
    let connected = start_and_connect(&context).await;
    if connected.is_err() {
        put_away(&context).await.ok();
    }
    connected
}

async fn start_and_connect(context: &Context) -> Result<(), Fault> {
    let Context { dialogue, profile, options } = context;
    put_away(context).await?;
    start(context).await?;
    let acquired = match acquire(context).await? {
        // A client that is not ours: put it away once more, and no more than once.
        Err(Code::CLIENT_USED) => {
            put_away(context).await?;
            start(context).await?;
            acquire(context).await?
        }
        other => other,
    };
    let broker = || options.broker.to_string();
    acquired.map_err(|code| Fault::Open { broker: broker(), fault: code.while_opening() })?;
    configure(context).await?;
    dialogue.note_link_open();
    let connected = match dialogue.run(sign_in(options, profile)).await {
        Err(Fault::LinkLost) => Err(Ok(ConnectFault::Closed)),
        // Many brokers end a handshake so that does not say which name they are called by.
        Ok(Err(Code::SESSION)) if options.broker.tls => Err(Err(OpenFault::Tls)),
        other => other?.map_err(Code::while_connecting),
    };
    connected.map_err(|fault| match fault {
        Ok(fault) => Fault::Connect { broker: broker(), fault },
        Err(fault) => Fault::Open { broker: broker(), fault },
    })
}

/// `AT+CMQTTSTART` → `+CMQTTSTART: <err>`, before `OK`, behind it, or with `ERROR`. It opens the packet network.
///
/// One that was started already is refused, with 23 or without a word.
async fn start(Context { dialogue, profile, options }: &Context) -> Result<(), Fault> {
    let command = Command::execute("+CMQTTSTART")
        .result(&["+CMQTTSTART"], &[])
        .or_behind_refusal()
        .within(profile.timeouts.open.value)
        .decode(|answer| answer.result()?.int().map(Code));
    let fault = match dialogue.try_run(command).await? {
        None | Some(Code(0) | Code::ALREADY_STARTED) => return Ok(()),
        Some(code) => code.while_opening(),
    };
    Err(Fault::Open { broker: options.broker.to_string(), fault })
}

/// `AT+CMQTTACCQ=<client>,"<client id>",<server type>[,<version>]`: a client for TCP (0), or for TLS (1).
async fn acquire(Context { dialogue, profile, options }: &Context) -> Result<Result<(), Code>, Fault> {
    let command = Command::set("+CMQTTACCQ").int(options.connection).text(&options.client_id).int(options.broker.tls);
    let command = match version(profile) {
        // 4: MQTT 3.1.1. The default is 3.1.
        CmqttVersion::Argument => command.int(4),
        CmqttVersion::Setting => command,
    };
    let command = command.information("+CMQTTACCQ").within(profile.timeouts.command.value).done();
    staging::run(dialogue, command, "+CMQTTACCQ").await
}

/// `AT+CMQTTCONNECT=<client>,"tcp://<host>:<port>",<keep-alive>,<clean session>[,"<user>"[,"<password>"]]` →
/// `+CMQTTCONNECT: <client>,<err>`, before or behind `OK` or `ERROR`.
fn sign_in(options: &ConnectOptions, profile: &Profile) -> Command<Result<(), Code>> {
    let host = options.broker.host.as_str();
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let url = Text::new(format!("tcp://{host}:{}", options.broker.port)).expect("legal, as the host is");
    let mut command = Command::set("+CMQTTCONNECT")
        .int(options.connection)
        .text(&url)
        .int(options.keep_alive)
        .int(options.clean_session);
    if let Some(username) = &options.username {
        command = command.text(username);
        if let Some(password) = &options.password {
            command = command.secret(password);
        }
    }
    command
        .result(&["+CMQTTCONNECT"], &[i64::from(options.connection)])
        .deferrable(true)
        .or_behind_refusal()
        .within(options.opening(profile.timeouts.connect.value, profile))
        .decode(|answer| answer.result()?.int().map(|code| if code == 0 { Ok(()) } else { Err(Code(code)) }))
}

/// DISC, REL and STOP, whatever they say: a refusal means that there is nothing to put away, or that another client still needs the
/// service; and what is late does not matter. Whether something was closed.
pub(super) async fn put_away(context: &Context) -> Result<bool, Fault> {
    let Context { dialogue, profile, options } = context;
    let (id, timeouts) = (options.connection, &profile.timeouts);
    let is_signed_out = sign_out(context).await?;
    // The kind with topics as arguments is stopped without a release; what a host of the other kind has left, with one.
    if kind(profile) == CmqttKind::Arguments && stop(context).await? {
        return Ok(true);
    }
    let release = Command::set("+CMQTTREL").int(id).information("+CMQTTREL").within(timeouts.command.value).done();
    dialogue.try_run(release).await?;
    Ok(stop(context).await? || is_signed_out)
}

/// `AT+CMQTTSTOP` → `+CMQTTSTOP: <err>`, before `OK` or `ERROR`, or behind `OK`; whether the service is stopped by it.
async fn stop(Context { dialogue, profile, .. }: &Context) -> Result<bool, Fault> {
    let command = Command::execute("+CMQTTSTOP")
        .result(&["+CMQTTSTOP"], &[])
        .within(profile.timeouts.close.value)
        .decode(|answer| answer.result()?.int().map(Code));
    Ok(unless_late(dialogue.try_run(command).await)? == Some(Code(0)))
}

/// `AT+CMQTTDISC=<client>,<seconds>` → `+CMQTTDISC: <client>,<err>`, before `OK` or `ERROR`, or behind `OK`. Why it is refused does not
/// matter. Whether there was something to sign out of.
pub(super) async fn sign_out(Context { dialogue, profile, options }: &Context) -> Result<bool, Fault> {
    let command = Command::set("+CMQTTDISC")
        .int(options.connection)
        .int(PATIENCE)
        .result(&["+CMQTTDISC"], &[i64::from(options.connection)])
        .within(profile.timeouts.disconnect.value)
        .decode(|answer| Ok(answer.result().and_then(|mut fields| fields.int::<u16>()) == Ok(0)));
    Ok(unless_late(dialogue.try_run(command).await)? == Some(true))
}

/// A result that is late, or that does not come since the link is lost, is none.
fn unless_late<T>(ended: Result<Option<T>, Fault>) -> Result<Option<T>, Fault> {
    match ended {
        Err(Fault::TimedOut { stage: Stage::Result, .. } | Fault::LinkLost) => Ok(None),
        other => other,
    }
}

/// Before the service is started, there are no clients to tell of.
const NOT_STARTED: &[Ending] = &[Ending { text: "ERROR", is_ok: true }];

/// `AT+CMQTTDISC?`: `+CMQTTDISC: <client>,<state>`, where 0 is connected and 1 is not.
pub(super) fn reports() -> Command<Vec<(Option<u8>, LinkReport)>> {
    Command::read("+CMQTTDISC").endings(NOT_STARTED).decode(|answer| {
        let report = |mut fields: atmqtt_at::Fields<'_>| -> Result<(Option<u8>, LinkReport), Malformed> {
            let client = fields.int()?;
            let report = match fields.int()? {
                0 => LinkReport::Connected,
                1 => LinkReport::Closed,
                _ => LinkReport::Unknown,
            };
            Ok((Some(client), report))
        };
        answer.lines().iter().filter_map(|line| line.information("+CMQTTDISC")).map(report).collect()
    })
}

/// What the missing result of a packet means: nobody knows, and what comes late would be taken for the result of another. So the
/// connection is ended, and with it whatever may still come.
pub(super) async fn end_after_missing_result(context: &Context) {
    // Whatever becomes of it, the module is asked next whether it still has the connection.
    sign_out(context).await.ok();
}
