//! What the channel has said, and what it means.

use atmqtt_at::{Answer, DeferredId, Line, LineRef};

use super::{Event, Module};
use crate::dialect::{Notice, Part};
use crate::fault::LinkLoss;
use crate::network::Registration;
use crate::power_saving::Edrx;
use crate::profile::Restart;

/// What the meaning of a line depends on.
pub(super) struct Known<'a> {
    pub(super) module: Option<&'a Module>,
    /// The connection identifier of the session.
    pub(super) connection: Option<u8>,
    pub(super) has_link: bool,
    /// The link has come up just now.
    pub(super) has_new_link: bool,
    /// It is not known yet who is at the end of this line: what reads like a message may be another module's, or the rest of one whose
    /// beginning was said before there was a line.
    pub(super) is_strange: bool,
    /// The boot ROM has spoken, the firmware has not yet.
    pub(super) booting: bool,
    /// A late answer may still come.
    pub(super) in_doubt: bool,
}

/// What the channel has said, and what it means.
pub(super) enum Heard {
    Answer(Result<Answer, atmqtt_at::Fault>),
    /// On a publish that the module has taken a while ago.
    Report(DeferredId, Result<Answer, atmqtt_at::Fault>),
    Echo,
    Event(Event),
    Restart(Restart, Line),
    LinkLost(LinkLoss),
    /// A message is stored in this slot.
    Stored(u8),
    /// A piece of a message.
    Part(Part),
    /// The module says that it sleeps from now on.
    Asleep,
    /// What the network has granted of extended discontinuous reception has changed; or something has, and it cannot be read what.
    Edrx(Result<Option<Edrx>, Line>),
    Nothing,
}

impl Heard {
    /// What a line that no command asked for means.
    pub(super) fn of_line(known: &Known<'_>, line: LineRef<'_>) -> Heard {
        let Known { module, connection, has_link, has_new_link, is_strange, booting, in_doubt } = *known;
        if let Some(Module { profile, dialect, .. }) = module {
            match profile.restart(line.text) {
                // The late answer to `AT+CGMI` may read like a firmware that greets. If it does greet, the boot ROM was first.
                Some(Restart::Complete) if in_doubt && !booting => return Heard::Event(Event::Unknown(line.to_line())),
                Some(restart) => return Heard::Restart(restart, line.to_line()),
                None => {}
            }
            if profile.is_sleep(line.text) {
                return Heard::Asleep;
            }
            if profile.is_power_down(line.text) {
                return Heard::Event(Event::PoweringDown);
            }
            if let Some(notice) = dialect.notice(line, connection) {
                return match notice {
                    Notice::Message(_) | Notice::MessagePart(_) | Notice::MessageStored { .. } if is_strange => {
                        Heard::Event(Event::Unknown(line.to_line()))
                    }
                    Notice::Message(message) => Heard::Event(Event::Message(message)),
                    Notice::MessagePart(part) => Heard::Part(part),
                    Notice::MessageDropped { bytes } => {
                        Heard::Event(Event::MessageIncomplete { topic: None, received: 0, announced: bytes })
                    }
                    Notice::MessageHeld { packet_id } => Heard::Event(Event::MessageHeld { packet_id }),
                    Notice::MessageStored { slot } => Heard::Stored(slot),
                    Notice::LinkLost(loss) if has_link => Heard::LinkLost(loss),
                    Notice::SignedInAnew(loss) if has_link && !has_new_link => Heard::LinkLost(loss),
                    // Said again, or about a link that is being closed, or one that an earlier session has left behind.
                    Notice::LinkLost(_) | Notice::SignedInAnew(_) => Heard::Nothing,
                    Notice::LateResult { message_id } => Heard::Event(Event::LateResult { message_id }),
                    Notice::SignedIn | Notice::Nothing => Heard::Nothing,
                };
            }
        }
        // No command's answer looks like it, however late.
        if let Some(mut fields) = line.information("+CEDRXP") {
            return Heard::Edrx(Edrx::decode(&mut fields).map_err(|_| line.to_line()));
        }
        match line.information("+CEREG").map(|mut fields| Registration::decode(&mut fields)) {
            // The late answer to a question about the registration has another form, and would be read wrongly.
            Some(Ok(registration)) if !in_doubt => Heard::Event(Event::Registration(registration)),
            _ => Heard::Event(Event::Unknown(line.to_line())),
        }
    }
}
