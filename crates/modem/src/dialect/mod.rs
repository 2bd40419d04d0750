//! Dialects: how a family of modules wants to be asked.
//!
//! A dialect builds the plans of the MQTT operations from commands, knows the lines that its modules send unasked, and says
//! what a result means. It has no figures of its own: those come from the [`Profile`].
//!
//! To add one: a folder with an implementation of [`Dialect`], and a line in [`named`].

mod aliyun;
mod certificates;
mod delivery;
mod eigencomm;
mod lierda;
mod onemo;
mod part;
mod quectel;
mod session;
mod setting;
mod simcom;
mod subscription;

use std::fmt;
use std::sync::{Arc, OnceLock};

use atmqtt_at::{BodyRule, Command, Fields, LineRef, Malformed, MalformedKind};

pub use certificates::CertificateStore;
pub use part::Part;

use crate::Delivery;
use crate::fault::LinkLoss;
use crate::message::{Filter, Framing, Incoming, Outgoing, QoS};
use crate::options::ConnectOptions;
use crate::plan::{Dialogue, Plan};
use crate::profile::Profile;
use crate::refusal::Refusal;

const DIALECTS: [&dyn Dialect; 5] = [&lierda::Lmqtt, &quectel::Qmt, &simcom::Cmqtt, &onemo::OneMo, &eigencomm::Ecmt];

/// The dialect of that name.
#[must_use]
pub fn named(name: &str) -> Option<&'static dyn Dialect> {
    DIALECTS.into_iter().find(|dialect| dialect.name() == name)
}

/// The lines of any dialect that may have a counted body: a module of which nothing is known yet may still be connected for somebody
/// else, and what it receives may look like an answer.
pub(crate) fn bodies_of_all() -> &'static [BodyRule] {
    static ALL: OnceLock<Vec<BodyRule>> = OnceLock::new();
    ALL.get_or_init(|| DIALECTS.iter().flat_map(|dialect| dialect.bodies()).copied().collect())
}

/// The SIM's number, if this is one. It is kept as text: 19 digits and an `F` occur.
fn iccid(text: &str) -> Option<String> {
    let fits = (18..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    fits.then(|| text.to_owned())
}

/// The payload of a message: what was counted, or, where nothing was, what is left of the line, without the quotes around it.
fn payload(fields: Fields<'_>) -> Result<(Vec<u8>, Framing), Malformed> {
    let (payload, framing) = match (fields.body(), fields.remainder()) {
        (Some(body), _) => (body, Framing::Counted),
        (None, Some(rest)) => {
            let inner = rest.strip_prefix(b"\"").and_then(|inner| inner.strip_suffix(b"\""));
            (inner.unwrap_or(rest), Framing::Ambiguous)
        }
        (None, None) => return Err(Malformed::line(MalformedKind::Missing)),
    };
    Ok((payload.to_vec(), framing))
}

/// What a plan works with.
#[derive(Debug, Clone)]
pub struct Context {
    /// The line.
    pub dialogue: Dialogue,
    /// The figures.
    pub profile: Arc<Profile>,
    /// What the connection was made from.
    pub options: Arc<ConnectOptions>,
}

/// A family of modules that are driven by the same commands.
pub trait Dialect: fmt::Debug + Send + Sync {
    /// Its name, as profiles give it.
    fn name(&self) -> &'static str;

    /// A command that firmware with this dialect answers with `OK`, and any other with `ERROR`. It changes nothing.
    fn probe(&self) -> Command<()>;

    /// What tells the kind of the dialect that a profile is of from its others, in the same way. `None`: it is the only one, or what
    /// is left when it is none of the others.
    fn probe_of_kind(&self, _profile: &Profile) -> Option<Command<()>> {
        None
    }

    /// The lines that may have a counted body before anything is configured.
    fn bodies(&self) -> &'static [BodyRule];

    /// Refuses what the module cannot connect with, beyond the limits that every dialect has.
    ///
    /// # Errors
    /// Why not.
    fn check_connect(&self, profile: &Profile, options: &ConnectOptions) -> Result<(), Refusal>;

    /// Refuses a message that the module has no way to publish. The topic is within its limit already.
    ///
    /// # Errors
    /// Why not.
    fn check_publish(&self, profile: &Profile, message: &Outgoing) -> Result<(), Refusal>;

    /// Puts away what an earlier session may have left, configures the client, opens the link and signs in.
    fn connect(&self, context: Context) -> Plan<'static, ()>;

    /// Whether the report on a publish says which one it is about, so that several may be unconfirmed at once.
    fn tells_reports_apart(&self) -> bool {
        true
    }

    /// Whether the module signs in anew when its connection is lost, without being told to and without what was subscribed to.
    fn signs_in_anew(&self) -> bool {
        false
    }

    /// Publishes one message. A command of which the report may come behind others is the plan's last.
    fn publish(&self, context: Context, message: Outgoing) -> Plan<'static, Delivery>;

    /// Subscribes to filters, one after the other. What comes of it is the `QoS` that the broker has granted to each, in their order;
    /// `None` where the module does not tell it.
    fn subscribe(&self, context: Context, filters: Vec<(Filter, QoS)>) -> Plan<'static, Vec<Option<QoS>>>;

    /// Unsubscribes from filters, one after the other.
    fn unsubscribe(&self, context: Context, filters: Vec<Filter>) -> Plan<'static, ()>;

    /// Reads messages that the module has stored in these slots ([`Notice::MessageStored`]), and whatever else it has stored, and
    /// delivers them ([`Dialogue::deliver`]). Only a dialect that gives such a notice has something to do.
    fn fetch(&self, _context: Context, _slots: Vec<u8>) -> Plan<'static, ()> {
        Box::pin(async { Ok(()) })
    }

    /// Where the module keeps certificates for TLS. `None`: there is no known way to make a TLS connection.
    fn certificates(&self, _profile: &Profile) -> Option<&'static dyn CertificateStore> {
        None
    }

    /// Signs out and closes the link. What is closed already is fine. What comes of it is whether the module has said that a link is
    /// closed: one that is being opened still may not be.
    fn disconnect(&self, context: Context) -> Plan<'static, bool>;

    /// Asks for the SIM's number.
    fn iccid(&self) -> Command<String>;

    /// Asks what the module's MQTT clients are doing, that of this connection identifier among them: the identifiers that the module
    /// mentions, each with its state; `None` is the one that was asked for.
    fn link_reports(&self, connection: u8) -> Command<Vec<(Option<u8>, LinkReport)>>;

    /// What a line that no command asked for says about this connection identifier, or, without one, about any; `None` when
    /// it is not the dialect's.
    fn notice(&self, line: LineRef<'_>, connection: Option<u8>) -> Option<Notice>;
}

/// What the MQTT client in a module says that it is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkReport {
    /// It is setting up.
    Initialising,
    /// It is signing in.
    Connecting,
    /// It is signed in.
    Connected,
    /// It is signing out.
    Disconnecting,
    /// There is no connection.
    Closed,
    /// It does not say.
    Unknown,
}

/// What a dialect makes of an unsolicited line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// A message.
    Message(Incoming),
    /// A piece of a message that comes in several lines.
    MessagePart(Part),
    /// The module had no room for a message, and has dropped it.
    MessageDropped {
        /// How many bytes it had.
        bytes: usize,
    },
    /// The module keeps a message for itself, and there is no known way to read it.
    MessageHeld {
        /// Its packet identifier.
        packet_id: Option<u16>,
    },
    /// The module has stored a message, and waits for it to be [fetched](Dialect::fetch).
    MessageStored {
        /// Where.
        slot: u8,
    },
    /// The connection to the broker is gone.
    LinkLost(LinkLoss),
    /// The module says that it has (again) signed in, without being told to.
    SignedIn,
    /// The module reports a sign-in that nobody has asked for, and what it has made is not what was: the connection is lost. Right
    /// behind a sign-in of one's own it is that one's result, said twice.
    SignedInAnew(LinkLoss),
    /// The late result of a publish whose time was up.
    LateResult {
        /// The message identifier that it was published with.
        message_id: u16,
    },
    /// Good to know, and no more.
    Nothing,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_may_name_each_dialect_and_no_other() {
        let mut names = DIALECTS.map(Dialect::name);
        let mut known = crate::profile::DIALECTS;
        names.sort_unstable();
        known.sort_unstable();
        assert_eq!(names, known);
    }
}
