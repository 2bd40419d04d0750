//! Quectel's `AT+QMT*`, and what is made after it: Lierda's Q firmware.
//!
//! There are two kinds, which a profile names: `nb` (`BC26`, `BC660K`: the BC660K-GL&BC950K-GL MQTT Application Note) and `lte`
//! (`EC2x`, `EG9x`, `EC200`, `EC800`, `BG9x`: the BG95&BG77&BG600L Series MQTT Application Note, as others quote it). They differ in the
//! keys of their settings, in how they publish and in whether they can store messages.

mod configure;
mod files;
mod link;
mod publish;
mod receive;
mod slots;
mod stored;
mod tls;

use atmqtt_at::{BodyRule, Command, CommandBuilder, LineRef, Malformed, MalformedKind};

use super::session;
use super::subscription::{self, Verbs};
use super::{CertificateStore, Context, Dialect, LinkReport, Notice};
use crate::Delivery;
use crate::message::{Filter, Outgoing, QoS};
use crate::options::ConnectOptions;
use crate::plan::Plan;
use crate::profile::{Profile, QmtData, QmtKind};
use crate::refusal::Refusal;

/// The dialect of Quectel.
#[derive(Debug)]
pub(super) struct Qmt;

const VERBS: &Verbs = &Verbs { subscribe: ["+QMTSUB"], unsubscribe: ["+QMTUNS"] };

impl Dialect for Qmt {
    fn name(&self) -> &'static str {
        "qmt"
    }

    /// Firmware for `QuecPython` refuses it, on the same hardware.
    fn probe(&self) -> Command<()> {
        Command::test("+QMTCFG").done()
    }

    /// Only the LTE kind has `AT+QMTPUBEX`.
    fn probe_of_kind(&self, profile: &Profile) -> Option<Command<()>> {
        (kind(profile) == QmtKind::Lte).then(|| Command::test("+QMTPUBEX").done())
    }

    fn bodies(&self) -> &'static [BodyRule] {
        receive::COUNTED
    }

    fn check_connect(&self, profile: &Profile, options: &ConnectOptions) -> Result<(), Refusal> {
        link::check(profile, options)
    }

    fn check_publish(&self, profile: &Profile, message: &Outgoing) -> Result<(), Refusal> {
        publish::form(profile, message).map(|_| ())
    }

    fn connect(&self, context: Context) -> Plan<'static, ()> {
        Box::pin(link::connect(context))
    }

    fn publish(&self, context: Context, message: Outgoing) -> Plan<'static, Delivery> {
        Box::pin(publish::publish(context, message))
    }

    fn subscribe(&self, context: Context, filters: Vec<(Filter, QoS)>) -> Plan<'static, Vec<Option<QoS>>> {
        Box::pin(subscription::subscribe(VERBS, context, filters))
    }

    fn unsubscribe(&self, context: Context, filters: Vec<Filter>) -> Plan<'static, ()> {
        Box::pin(subscription::unsubscribe(VERBS, context, filters))
    }

    fn fetch(&self, context: Context, slots: Vec<u8>) -> Plan<'static, ()> {
        Box::pin(stored::fetch(context, slots))
    }

    fn certificates(&self, profile: &Profile) -> Option<&'static dyn CertificateStore> {
        Some(match kind(profile) {
            QmtKind::Nb => &slots::Slots,
            QmtKind::Lte => &files::Files,
        })
    }

    fn disconnect(&self, context: Context) -> Plan<'static, bool> {
        Box::pin(async move { session::put_away::<Qmt>(&context).await })
    }

    /// `AT+QCCID`: `+QCCID: <18 to 20 digits>`.
    fn iccid(&self) -> Command<String> {
        Command::execute("+QCCID").information("+QCCID").private().decode(|answer| {
            let text = answer.information("+QCCID")?.text()?;
            super::iccid(text).ok_or(Malformed::line(MalformedKind::Unexpected))
        })
    }

    fn link_reports(&self, _: u8) -> Command<Vec<(Option<u8>, LinkReport)>> {
        session::reports::<Qmt>()
    }

    fn notice(&self, line: LineRef<'_>, connection: Option<u8>) -> Option<Notice> {
        receive::notice(line, connection)
    }
}

/// Which kind the module is of. [`Profile::parse`] sees to it that it is said.
fn kind(profile: &Profile) -> QmtKind {
    profile.qmt.as_ref().map_or(QmtKind::Nb, |qmt| qmt.kind.value)
}

/// How the module knows where data behind a prompt end.
fn data(profile: &Profile) -> QmtData {
    profile.qmt.as_ref().map_or(QmtData::Counted, |qmt| qmt.data.value)
}

/// `AT+QMTCFG="<key>",<id>,…`
fn set(key: &'static str, connection: u8) -> CommandBuilder {
    Command::set("+QMTCFG").key(key).int(connection)
}
