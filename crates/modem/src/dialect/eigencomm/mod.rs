//! Eigencomm's own instructions, `AT+ECMT*`: EC616, EC618 and EC626 with the firmware of the chip's maker, as in the EC-01G, in older
//! NT35E and in others.
//!
//! The commands have the form of Quectel's. What they lack is a length: neither what is published has one, nor what comes.

mod configure;
mod link;
mod publish;
mod receive;

use atmqtt_at::{BodyRule, Command, LineRef, Malformed, MalformedKind};

use super::session;
use super::subscription::{self, Verbs};
use super::{Context, Dialect, LinkReport, Notice};
use crate::Delivery;
use crate::message::{Filter, Outgoing, QoS};
use crate::options::ConnectOptions;
use crate::plan::Plan;
use crate::profile::Profile;
use crate::refusal::Refusal;

/// The dialect of the firmware that Eigencomm delivers.
#[derive(Debug)]
pub(super) struct Ecmt;

const VERBS: &Verbs = &Verbs { subscribe: ["+ECMTSUB"], unsubscribe: ["+ECMTUNS"] };

impl Dialect for Ecmt {
    fn name(&self) -> &'static str {
        "ecmt"
    }

    fn probe(&self) -> Command<()> {
        Command::test("+ECMTCFG").done()
    }

    /// None: no message has a length.
    fn bodies(&self) -> &'static [BodyRule] {
        &[]
    }

    fn check_connect(&self, profile: &Profile, options: &ConnectOptions) -> Result<(), Refusal> {
        link::check(profile, options)
    }

    fn check_publish(&self, profile: &Profile, message: &Outgoing) -> Result<(), Refusal> {
        publish::form(profile, message).map(|_| ())
    }

    fn connect(&self, context: Context) -> Plan<'static, ()> {
        Box::pin(session::connect::<Ecmt>(context))
    }

    fn signs_in_anew(&self) -> bool {
        true
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

    fn disconnect(&self, context: Context) -> Plan<'static, bool> {
        Box::pin(async move { session::put_away::<Ecmt>(&context).await })
    }

    /// `AT+ECICCID`: `+ECICCID: <18 to 20 digits>`. Not in what is known of the manuals; firmware without it refuses.
    fn iccid(&self) -> Command<String> {
        Command::execute("+ECICCID").information("+ECICCID").private().decode(|answer| {
            let text = answer.information("+ECICCID")?.text()?;
            super::iccid(text).ok_or(Malformed::line(MalformedKind::Unexpected))
        })
    }

    fn link_reports(&self, _: u8) -> Command<Vec<(Option<u8>, LinkReport)>> {
        session::reports::<Ecmt>()
    }

    fn notice(&self, line: LineRef<'_>, connection: Option<u8>) -> Option<Notice> {
        receive::notice(line, connection)
    }
}
