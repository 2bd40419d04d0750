//! China Mobile's `AT+MQTT*`, as its OneMO modules have it: `ML302A`, `ML305A`, `ML307`, `MN316` and their siblings.
//!
//! The manual is the OneMO MQTT user manual, 6.8.5. Other vendors have commands of the same names with other arguments, so a module is
//! taken for one of these by its model only. The module numbers packets by itself, and tells the number before `OK`; everything that comes
//! of a packet is told later, in a line `+MQTTURC` that begins with a word.

mod configure;
mod link;
mod publish;
mod receive;
mod subscribe;

use atmqtt_at::{BodyRule, Command, LineRef, Malformed, MalformedKind};

use super::{Context, Dialect, LinkReport, Notice};
use crate::Delivery;
use crate::message::{Filter, Outgoing, QoS};
use crate::options::ConnectOptions;
use crate::plan::Plan;
use crate::profile::Profile;
use crate::refusal::Refusal;

/// The dialect of OneMO.
#[derive(Debug)]
pub(super) struct OneMo;

/// The line in which the module tells what has come of packets and of the connection.
const TOLD: &[&str] = &["+MQTTURC"];

impl Dialect for OneMo {
    fn name(&self) -> &'static str {
        "onemo"
    }

    fn probe(&self) -> Command<()> {
        Command::test("+MQTTCFG").done()
    }

    fn bodies(&self) -> &'static [BodyRule] {
        receive::COUNTED
    }

    fn check_connect(&self, profile: &Profile, options: &ConnectOptions) -> Result<(), Refusal> {
        link::check(profile, options)
    }

    fn check_publish(&self, profile: &Profile, message: &Outgoing) -> Result<(), Refusal> {
        publish::form(profile, message).map(drop)
    }

    fn connect(&self, context: Context) -> Plan<'static, ()> {
        Box::pin(link::connect(context))
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
        Box::pin(async move { link::put_away(&context).await })
    }

    /// `AT+MCCID`: `+MCCID: <18 to 20 digits>`.
    fn iccid(&self) -> Command<String> {
        Command::execute("+MCCID").information("+MCCID").private().decode(|answer| {
            let text = answer.information("+MCCID")?.text()?;
            super::iccid(text).ok_or(Malformed::line(MalformedKind::Unexpected))
        })
    }

    fn link_reports(&self, connection: u8) -> Command<Vec<(Option<u8>, LinkReport)>> {
        link::report(connection)
    }

    fn notice(&self, line: LineRef<'_>, connection: Option<u8>) -> Option<Notice> {
        receive::notice(line, connection)
    }
}

/// Whether payloads stand in the command line as hexadecimal digits: where there is no prompt, since text there has no escape.
fn sends_hex(profile: &Profile) -> bool {
    profile.limits.prompt_payload.is_none()
}
