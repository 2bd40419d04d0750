//! How a payload gets to a module, and what becomes of it: what the dialects have in common.

use atmqtt_at::{Answer, Command, DataPhase, Malformed, Prompt, Stage};

use super::session::{CommandResult, packet_fault, result_and_extend};

use crate::fault::{Fault, PacketFault};
use crate::message::{Outgoing, QoS};
use crate::plan::Dialogue;
use crate::profile::Profile;
use crate::refusal::Refusal;
use crate::{Delivery, Unconfirmed};

/// How a payload gets to the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Between quotes in the command line, where nothing escapes anything.
    Inline,
    /// As raw bytes after a prompt.
    Prompt,
}

/// Which bytes a form can carry.
pub(super) type Carries = fn(u8) -> bool;

impl Form {
    /// The first form that fits the payload's length and bytes.
    pub(super) fn of(profile: &Profile, message: &Outgoing, inline: Carries, prompt: Carries) -> Result<Form, Refusal> {
        let (payload, limits) = (&message.payload, &profile.limits);
        let model = || profile.model.name.clone();
        let mut refusal = Refusal::TooLong {
            what: "payload",
            length: payload.len(),
            limit: profile.largest_payload(),
            model: model(),
        };
        let forms = [(Form::Inline, limits.inline_payload, inline), (Form::Prompt, limits.prompt_payload, prompt)];
        for (form, limit, carries) in forms {
            if limit.is_none_or(|limit| payload.len() > limit.value) {
                continue;
            }
            match payload.iter().position(|byte| !carries(*byte)) {
                None => return Ok(form),
                Some(position) => {
                    refusal = Refusal::PayloadByte { byte: payload[position], position, model: model() };
                }
            }
        }
        Err(refusal)
    }
}

/// Ctrl-Z: what ends data that nobody counts.
pub(super) const END: u8 = 0x1a;

/// ESC: what throws them away.
pub(super) const CANCEL: u8 = 0x1b;

/// The payload after `>`, ended by Ctrl-Z.
pub(super) fn terminated(profile: &Profile, message: &Outgoing) -> DataPhase {
    let mut bytes = message.payload.clone();
    bytes.push(END);
    DataPhase {
        bytes,
        prompt: Prompt::Sign(">"),
        prompt_timeout: profile.timeouts.prompt.value,
        guard: profile.pauses.prompt_guard.value,
        escape: Some(CANCEL),
        private: false,
    }
}

/// `<result>[,<value>]` in ECMT and QMT.
pub(super) fn published(result: CommandResult) -> Published {
    if result.0 == 0 { Published::DONE } else { Published::Failed(packet_fault(result)) }
}

/// The same, where the module has told before that it sent the packet again: then it did get out, and what was missing is the
/// acknowledgement.
pub(super) fn reported(answer: &Answer) -> Result<Published, Malformed> {
    let retransmissions = answer.intermediate_results();
    Ok(match published(result_and_extend(answer.result()?)?) {
        Published::Done { .. } => Published::Done { retransmissions },
        Published::Failed(PacketFault::SendFailed) if retransmissions > 0 => Published::NotAcknowledged,
        other => other,
    })
}

/// What the report on a publish says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Published {
    /// Acknowledged; at QoS 0: sent.
    Done {
        /// How often the module has told that it sent the packet again.
        retransmissions: u32,
    },
    /// Sent, and a wrong acknowledgement came.
    WrongAcknowledgement,
    /// Sent, and no acknowledgement came.
    NotAcknowledged,
    Failed(PacketFault),
}

impl Published {
    /// Where nothing is told of retransmissions.
    pub(super) const DONE: Published = Published::Done { retransmissions: 0 };
}

/// Runs the command that publishes. The outcome is *unconfirmed* where the module took the message and then did not say what
/// became of it. With `can_be_left`, a data phase that came to nothing is left, and its message is thrown away.
pub(super) async fn publish(
    dialogue: &Dialogue,
    command: Command<Published>,
    qos: QoS,
    can_be_left: bool,
) -> Result<Delivery, Fault> {
    outcome(dialogue.run(command).await, qos, can_be_left)
}

/// What the end of a command that publishes means for its message.
pub(super) fn outcome(published: Result<Published, Fault>, qos: QoS, can_be_left: bool) -> Result<Delivery, Fault> {
    let unconfirmed = |why| Ok(Delivery::Unconfirmed(why));
    match published {
        Ok(Published::Done { .. }) if qos == QoS::AtMostOnce => Ok(Delivery::Sent),
        Ok(Published::Done { retransmissions }) => Ok(Delivery::Delivered { retransmissions }),
        Ok(Published::WrongAcknowledgement) => unconfirmed(Unconfirmed::WrongAcknowledgement),
        Ok(Published::NotAcknowledged) => unconfirmed(Unconfirmed::NotAcknowledged),
        Ok(Published::Failed(fault)) => Err(Fault::Publish(fault)),
        Err(fault @ Fault::TimedOut { stage: Stage::Prompt | Stage::Data, .. }) if can_be_left => Err(fault),
        // A prompt that comes late still gets the data, since a module that counts lets go of nothing else: so that message
        // may arrive too.
        Err(Fault::TimedOut { stage: Stage::Prompt | Stage::Answer | Stage::Result | Stage::Data, .. }) => {
            unconfirmed(Unconfirmed::NoReport)
        }
        Err(Fault::Malformed { .. }) => unconfirmed(Unconfirmed::UnreadableReport),
        Err(Fault::LinkLost) => unconfirmed(Unconfirmed::LinkLost),
        Err(Fault::Restarted) => unconfirmed(Unconfirmed::Restarted),
        Err(Fault::PortLost) => unconfirmed(Unconfirmed::PortLost),
        Err(fault) => Err(fault),
    }
}
