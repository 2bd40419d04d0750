//! Lierda L instructions, `AT+LMQTT*`: NT35E, NT26E, NT26K.
//!
//! General shape: command, at once `OK` or `ERROR`, later a result line of the command's name. The result may come before
//! `OK`, or together with it (measured by others on the NT26E).

mod configure;
mod link;
mod publish;
mod receive;
mod subscribe;

use atmqtt_at::{BodyRule, Command, LineRef, Malformed, MalformedKind};

use super::session::{self, CommandResult};
use super::{Context, Dialect, LinkReport, Notice};
use crate::Delivery;
use crate::fault::PacketFault;
use crate::message::{Filter, Outgoing, QoS};
use crate::options::ConnectOptions;
use crate::plan::Plan;
use crate::profile::Profile;
use crate::refusal::Refusal;

/// The dialect of Lierda's L instructions.
#[derive(Debug)]
pub(super) struct Lmqtt;

impl Dialect for Lmqtt {
    fn name(&self) -> &'static str {
        "lmqtt"
    }

    fn probe(&self) -> Command<()> {
        Command::test("+LMQTTCFG").done()
    }

    fn bodies(&self) -> &'static [BodyRule] {
        receive::COUNTED
    }

    fn check_connect(&self, profile: &Profile, options: &ConnectOptions) -> Result<(), Refusal> {
        if options.broker.tls {
            // The key "sslenable" is known; how a certificate gets on to the module is not.
            return Err(Refusal::TlsUnsupported { model: profile.model.name.clone() });
        }
        Ok(())
    }

    fn check_publish(&self, profile: &Profile, message: &Outgoing) -> Result<(), Refusal> {
        publish::form(profile, message).map(|_| ())
    }

    fn connect(&self, context: Context) -> Plan<'static, ()> {
        Box::pin(session::connect::<Lmqtt>(context))
    }

    fn publish(&self, context: Context, message: Outgoing) -> Plan<'static, Delivery> {
        Box::pin(publish::publish(context, message))
    }

    fn subscribe(&self, context: Context, filters: Vec<(Filter, QoS)>) -> Plan<'static, Vec<Option<QoS>>> {
        Box::pin(subscribe::subscribe(context, filters))
    }

    fn unsubscribe(&self, context: Context, filters: Vec<Filter>) -> Plan<'static, ()> {
        Box::pin(subscribe::unsubscribe(context, filters))
    }

    fn disconnect(&self, context: Context) -> Plan<'static, bool> {
        Box::pin(async move { session::put_away::<Lmqtt>(&context).await })
    }

    /// `AT+LCCID`: `+LCCID: <20 digits>`.
    fn iccid(&self) -> Command<String> {
        Command::execute("+LCCID").information("+LCCID").private().decode(|answer| {
            let text = answer.information("+LCCID")?.text()?;
            super::iccid(text).ok_or(Malformed::line(MalformedKind::Unexpected))
        })
    }

    fn link_reports(&self, _: u8) -> Command<Vec<(Option<u8>, LinkReport)>> {
        session::reports::<Lmqtt>()
    }

    fn notice(&self, line: LineRef<'_>, connection: Option<u8>) -> Option<Notice> {
        receive::notice(line, connection)
    }
}

/// What a result other than success means, where the codes have nothing else to say: extend code 6 is a packet that was not
/// sent, 7 a wrong argument. Lierda AT manual, LMQTTPUB and LMQTTSUBUNSUB.
fn packet_fault(result: CommandResult) -> PacketFault {
    match result {
        (_, Some(6)) | (2, None | Some(0)) => PacketFault::SendFailed,
        (_, Some(7)) => PacketFault::BadParameter,
        (result, extend) => PacketFault::Vendor { result, extend },
    }
}
