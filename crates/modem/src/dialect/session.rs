//! Sessions in four commands: OPEN, CONN, DISC and CLOSE. LMQTT, ECMT and QMT have them, each under names of its own, and differ
//! in the settings and in what a result means.

use std::future::Future;
use std::time::Duration;

use atmqtt_at::{Command, CommandBuilder, Fields, Malformed, Progress, Stage};

use super::{Context, LinkReport};
use crate::fault::{ConnectFault, Fault, OpenFault, PacketFault};
use crate::options::ConnectOptions;
use crate::profile::Profile;

/// What a dialect calls them. The result line of each has the command's name.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) open: [&'static str; 1],
    pub(super) sign_in: [&'static str; 1],
    /// The question for the state of the connections.
    pub(super) states: &'static str,
    pub(super) sign_out: [&'static str; 1],
    pub(super) close: [&'static str; 1],
}

/// What differs from dialect to dialect.
pub(super) trait Session {
    const NAMES: &'static Names;

    /// Writes every setting.
    fn configure(context: &Context) -> impl Future<Output = Result<(), Fault>> + Send;

    /// What the result of OPEN means.
    fn opened(result: CommandResult) -> Result<(), OpenFault>;

    /// Whether a result of CONN is the last one.
    fn is_last_word(fields: Fields<'_>) -> Progress {
        is_last_word(fields)
    }

    /// What the result of CONN means.
    fn signed_in(result: CommandResult) -> Result<(), ConnectFault>;

    /// How long the module may take to sign in.
    fn sign_in_patience(profile: &Profile, options: &ConnectOptions) -> Duration;
}

/// `<result>[,<extend>]`, behind the keys of a result line. The names are the manuals', which do not agree on the second.
pub(super) type CommandResult = (i32, Option<i32>);

pub(super) fn result_and_extend(mut fields: Fields<'_>) -> Result<CommandResult, Malformed> {
    Ok((fields.int()?, fields.optional_int()?))
}

/// Result 1 says that a packet was sent again, and may add how often: the last word is still to come.
pub(super) fn is_last_word(mut fields: Fields<'_>) -> Progress {
    match fields.int::<i32>() {
        Ok(1) => Progress::Intermediate,
        _ => Progress::Final,
    }
}

/// Puts away, configures, opens and signs in. A broker drops a link that is silent for some seconds, so nothing stands
/// between OPEN and CONN.
pub(super) async fn connect<S: Session>(context: Context) -> Result<(), Fault> {
    let signed_in = open_and_sign_in::<S>(&context).await;
    if signed_in.is_err() {
        // A link that is half open would answer the next OPEN with "in use", or not at all.
        put_away::<S>(&context).await.ok();
    }
    signed_in
}

async fn open_and_sign_in<S: Session>(context: &Context) -> Result<(), Fault> {
    if put_away::<S>(context).await? {
        context.dialogue.pass_over_strangers_ids();
    }
    let opened = match configure_and_open::<S>(context).await? {
        // A session that is not ours: put it away once more, and no more than once.
        Err(OpenFault::IdInUse) => {
            put_away::<S>(context).await?;
            configure_and_open::<S>(context).await?
        }
        other => other,
    };
    let broker = || context.options.broker.to_string();
    let tls = context.options.broker.tls;
    opened.map_err(|fault| Fault::Open { broker: broker(), fault: if tls { fault.with_tls() } else { fault } })?;
    context.dialogue.note_link_open();
    let signed_in = match context.dialogue.run(sign_in::<S>(&context.options, &context.profile)).await {
        Err(Fault::LinkLost) => Err(ConnectFault::Closed),
        other => other?,
    };
    signed_in.map_err(|fault| Fault::Connect { broker: broker(), fault })
}

async fn configure_and_open<S: Session>(context: &Context) -> Result<Result<(), OpenFault>, Fault> {
    S::configure(context).await?;
    context.dialogue.run(open::<S>(&context.options, &context.profile)).await
}

/// DISC and CLOSE, whatever they say: a refusal means that there is nothing to put away, and what is late does not matter. Whether one
/// of them has closed something.
pub(super) async fn put_away<S: Session>(context: &Context) -> Result<bool, Fault> {
    let (id, timeouts) = (context.options.connection, &context.profile.timeouts);
    let mut is_closed = false;
    for command in [
        closing(&S::NAMES.sign_out, id).within(timeouts.disconnect.value),
        closing(&S::NAMES.close, id).within(timeouts.close.value),
    ] {
        let command = command.decode(|answer| Ok(answer.result().and_then(|mut fields| fields.int::<i32>()) == Ok(0)));
        match context.dialogue.try_run(command).await {
            Ok(closed) => is_closed |= closed == Some(true),
            Err(Fault::TimedOut { stage: Stage::Result, .. } | Fault::LinkLost) => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(is_closed)
}

/// `AT<DISC>=<id>` and `AT<CLOSE>=<id>`: result 0 where that has closed something.
fn closing(name: &'static [&'static str; 1], id: u8) -> CommandBuilder {
    Command::set(name[0]).int(id).result(name, &[i64::from(id)])
}

/// `AT<OPEN>=<id>,"<host>",<port>`: opens the link.
fn open<S: Session>(options: &ConnectOptions, profile: &Profile) -> Command<Result<(), OpenFault>> {
    Command::set(S::NAMES.open[0])
        .int(options.connection)
        .text(&options.broker.host)
        .int(options.broker.port)
        .result(&S::NAMES.open, &[i64::from(options.connection)])
        .deferrable(true)
        .within(options.opening(profile.timeouts.open.value, profile))
        .decode(|answer| Ok(S::opened(result_and_extend(answer.result()?)?)))
}

/// `AT<CONN>=<id>,"<client id>"[,"<user>"[,"<password>"]]`: signs in at the broker. Who signs in by means of a cloud's settings
/// gives neither user nor password.
fn sign_in<S: Session>(options: &ConnectOptions, profile: &Profile) -> Command<Result<(), ConnectFault>> {
    let mut command = Command::set(S::NAMES.sign_in[0]).int(options.connection).text(&options.client_id);
    if let (Some(username), None) = (&options.username, &options.sign_in) {
        command = command.text(username);
        if let Some(password) = &options.password {
            command = command.secret(password);
        }
    }
    command
        .result_when(&S::NAMES.sign_in, &[i64::from(options.connection)], S::is_last_word)
        .deferrable(true)
        .within(S::sign_in_patience(profile, options))
        .decode(|answer| Ok(S::signed_in(result_and_extend(answer.result()?)?)))
}

/// `AT<CONN>?`: `<CONN>: <id>,<state>`. A line with a third argument is the result of a sign-in, not a state.
pub(super) fn reports<S: Session>() -> Command<Vec<(Option<u8>, LinkReport)>> {
    Command::execute(S::NAMES.states)
        .information_like(S::NAMES.sign_in[0], |mut fields| {
            let state = (fields.int::<u8>(), fields.int::<u8>());
            matches!(state, (Ok(_), Ok(_))) && fields.remainder().is_none()
        })
        .decode(|answer| {
            answer.lines().iter().filter_map(|line| line.information(S::NAMES.sign_in[0])).map(report).collect()
        })
}

fn report(mut fields: Fields<'_>) -> Result<(Option<u8>, LinkReport), Malformed> {
    let connection = fields.int()?;
    let report = match fields.int()? {
        1 => LinkReport::Initialising,
        2 => LinkReport::Connecting,
        3 => LinkReport::Connected,
        4 => LinkReport::Disconnecting,
        _ => LinkReport::Unknown,
    };
    Ok((Some(connection), report))
}

/// What a result other than success means in ECMT and QMT: 2 is a packet that was not sent.
pub(super) fn packet_fault((result, extend): CommandResult) -> PacketFault {
    if result == 2 { PacketFault::SendFailed } else { PacketFault::Vendor { result, extend } }
}
