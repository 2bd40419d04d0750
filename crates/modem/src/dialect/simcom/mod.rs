//! SIMCom's `AT+CMQTT*`: SIM7500 and SIM7600, `A76xx`, `SIM767x`.
//!
//! The manuals are the SIM7500/SIM7600 Series AT Command Manual, chapter 16, and the A76XX Series AT Command Manual, chapter 18; for the
//! kind that takes topics as arguments, the A76XX Series `MQTT_EX` AT Command Manual. A service is started for all clients, a client is
//! acquired in it, and only then there is something to configure. Topics and payloads are data behind prompts, each of a command of its
//! own, and wait in the module until the command that uses them.
//!
//! No line has a message identifier. A result that does not come in time might be taken for that of the next command of its name, so the
//! connection is ended where one is missing.

mod certificates;
mod code;
mod configure;
mod link;
mod publish;
mod receive;
mod staging;
mod subscribe;
mod tls;

use atmqtt_at::{BodyRule, Command, DataPhase, LineRef, Malformed, MalformedKind};

use super::{CertificateStore, Context, Dialect, LinkReport, Notice};
use crate::Delivery;
use crate::message::{Filter, Outgoing, QoS};
use crate::options::ConnectOptions;
use crate::plan::Plan;
use crate::profile::{CmqttKind, CmqttVersion, Profile};
use crate::refusal::Refusal;

/// The dialect of SIMCom.
#[derive(Debug)]
pub(super) struct Cmqtt;

impl Dialect for Cmqtt {
    fn name(&self) -> &'static str {
        "cmqtt"
    }

    /// It answers before the service is started, which the commands themselves do not.
    fn probe(&self) -> Command<()> {
        Command::test("+CMQTTACCQ").done()
    }

    fn bodies(&self) -> &'static [BodyRule] {
        receive::COUNTED
    }

    fn check_connect(&self, profile: &Profile, options: &ConnectOptions) -> Result<(), Refusal> {
        link::check(profile, options)
    }

    fn check_publish(&self, profile: &Profile, message: &Outgoing) -> Result<(), Refusal> {
        publish::check(profile, message)
    }

    fn connect(&self, context: Context) -> Plan<'static, ()> {
        Box::pin(link::connect(context))
    }

    /// Its report names the connection and nothing else.
    fn tells_reports_apart(&self) -> bool {
        false
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

    fn certificates(&self, _: &Profile) -> Option<&'static dyn CertificateStore> {
        Some(&certificates::Certificates)
    }

    fn disconnect(&self, context: Context) -> Plan<'static, bool> {
        Box::pin(async move { link::put_away(&context).await })
    }

    /// `AT+CICCID`: `+ICCID: <18 to 20 digits>`.
    fn iccid(&self) -> Command<String> {
        Command::execute("+CICCID").information("+ICCID").private().decode(|answer| {
            let text = answer.information("+ICCID")?.text()?;
            super::iccid(text).ok_or(Malformed::line(MalformedKind::Unexpected))
        })
    }

    fn link_reports(&self, _: u8) -> Command<Vec<(Option<u8>, LinkReport)>> {
        link::reports()
    }

    fn notice(&self, line: LineRef<'_>, connection: Option<u8>) -> Option<Notice> {
        receive::notice(line, connection)
    }
}

/// How the module is told topics. [`Profile::parse`] sees to it that it is said.
fn kind(profile: &Profile) -> CmqttKind {
    profile.cmqtt.as_ref().map_or(CmqttKind::Staged, |cmqtt| cmqtt.kind.value)
}

/// Where the version of MQTT is said.
fn version(profile: &Profile) -> CmqttVersion {
    profile.cmqtt.as_ref().map_or(CmqttVersion::Setting, |cmqtt| cmqtt.version.value)
}

/// Bytes behind `>`, which the module counts: nothing but they themselves is sure to end it.
fn data(profile: &Profile, bytes: &[u8]) -> DataPhase {
    let counted = DataPhase::counted(bytes.to_vec(), profile.timeouts.prompt.value);
    DataPhase { guard: profile.pauses.prompt_guard.value, ..counted }
}
