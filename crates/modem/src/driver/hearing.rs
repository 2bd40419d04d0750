//! What the channel has said, and what becomes of it.

use std::time::Duration;

use atmqtt_at::{Answer, LineRef, Time};

use super::heard::{Heard, Known};
use super::{Driver, Event, LinkState, Output};
use crate::plan::Reply;
use crate::profile::Restart;

/// How soon behind a sign-in a report of one is the same one, said twice. A module that has lost its connection needs longer for a new one.
const SAID_TWICE: Duration = Duration::from_secs(1);

/// How long an echo that cannot be switched off is left alone.
const ECHO_AGAIN: Duration = Duration::from_secs(60);

impl Driver {
    /// The next thing that the channel has to say, with its meaning.
    pub(super) fn hear(&mut self, now: Time) -> Option<Heard> {
        let known = Known {
            module: self.module.as_ref(),
            connection: self.session.as_ref().map(|options| options.connection),
            has_link: self.has_link(),
            has_new_link: self.link == LinkState::Connecting
                || self.linked.is_some_and(|linked| now - linked < SAID_TWICE),
            is_strange: self.is_strange,
            booting: self.booting,
            in_doubt: false,
        };
        let heard = self.channel.poll()?;
        let is_said =
            matches!(&heard, atmqtt_at::Event::Unsolicited(_) | atmqtt_at::Event::Doubtful(_) | atmqtt_at::Event::Echo)
                || matches!(&heard, atmqtt_at::Event::Done(answer) if answer.is_ok());
        if is_said && self.slumber.wake() {
            self.outputs.push_back(Output::Event(Event::Awake));
        }
        Some(match heard {
            atmqtt_at::Event::Done(answer) => Heard::Answer(answer.cloned()),
            atmqtt_at::Event::Settled(id, report) => Heard::Report(id, report),
            atmqtt_at::Event::Unsolicited(line) => Heard::of_line(&known, line),
            atmqtt_at::Event::Doubtful(line) => Heard::of_line(&Known { in_doubt: true, ..known }, line),
            atmqtt_at::Event::Echo => Heard::Echo,
            atmqtt_at::Event::Fault(fault) => Heard::Event(Event::Damaged(fault)),
            atmqtt_at::Event::Resynchronised { discarded } => {
                Heard::Event(Event::Resynchronised { discarded: discarded.iter().map(LineRef::to_line).collect() })
            }
            atmqtt_at::Event::Dropped(count) => Heard::Event(Event::LinesDropped(count)),
            atmqtt_at::Event::Trace(record) => Heard::Event(Event::Trace(record)),
            _ => Heard::Nothing,
        })
    }

    pub(super) fn heed(&mut self, now: Time, heard: Heard) {
        let event = match heard {
            // Nobody wants it any more.
            Heard::Answer(_) if self.breaking.is_some() && self.parked.is_none() => {
                self.unwind(now, None);
                return;
            }
            Heard::Answer(answer) => {
                let answer = self.interrupted(answer);
                self.dialogue.reply(answer);
                self.step(now);
                return;
            }
            Heard::Report(id, report) => {
                if !self.settle_stray(id, &report) && !self.settle_awaited(now, id, &report) {
                    self.reported(now, id, report);
                }
                return;
            }
            Heard::Echo => {
                self.echoed(now);
                return;
            }
            Heard::Restart(restart, banner) => {
                let had_link = self.link == LinkState::Up;
                self.restarted();
                // A start shows itself twice; a module that starts over and over shows only the first half.
                let second_half = restart == Restart::Complete && self.booting && !had_link;
                self.booting = restart == Restart::Begun;
                if second_half {
                    return;
                }
                Event::Restarted { banner }
            }
            Heard::LinkLost(loss) => {
                self.link_lost();
                Event::LinkLost(loss)
            }
            Heard::Stored(slot) => {
                let slots = self.stored.get_or_insert_default();
                if !slots.contains(&slot) {
                    slots.push(slot);
                }
                return;
            }
            Heard::Part(part) => {
                self.assembly.take(now, part, &mut |event| self.outputs.push_back(Output::Event(event)));
                return;
            }
            Heard::Asleep => {
                self.fall_asleep();
                return;
            }
            Heard::Edrx(told) => {
                let granted = told.as_ref().ok().copied().flatten();
                self.dialogue.hear_edrx(granted);
                self.tell_power_saving();
                let Err(line) = told else { return };
                Event::Unknown(line)
            }
            Heard::Event(Event::Registration(registration)) => {
                self.outputs.push_back(Output::Event(Event::Registration(registration)));
                self.dialogue.learn_psm(registration.psm);
                self.tell_power_saving();
                return;
            }
            Heard::Nothing => return,
            // A piece may be among what is missing, and what comes next would be taken for it.
            Heard::Event(event @ (Event::Damaged(_) | Event::LinesDropped(_))) => {
                self.give_up_messages();
                event
            }
            // An echo that was damaged on the line is a line like any other.
            Heard::Event(Event::Unknown(line)) => Event::Unknown(self.channel.redacted(line)),
            Heard::Event(event) => event,
        };
        self.outputs.push_back(Output::Event(event));
    }

    /// Tells what is granted to the module, if that is not what was told last.
    pub(super) fn tell_power_saving(&mut self) {
        let granted = self.dialogue.power_saving();
        if std::mem::replace(&mut self.power_saving_told, granted) != granted {
            self.outputs.push_back(Output::Event(Event::PowerSaving(granted)));
        }
    }

    /// The module has restarted, or there may be another one: what is granted to it is not known any more.
    pub(super) fn forget_power_saving(&mut self) {
        self.dialogue.forget_power_saving();
        self.power_saving_told = self.dialogue.power_saving();
    }

    /// Echo was off, and is on: the module has restarted without a word, or has never heeded the command. The line is set up
    /// again before the next request, but not for ever.
    fn echoed(&mut self, now: Time) {
        self.dialogue.note_echo();
        let lately = self.echo_heeded.is_some_and(|heeded| now - heeded < ECHO_AGAIN);
        if self.prepared && !self.preparing && !self.is_attaching() && !lately {
            self.echo_heeded = Some(now);
            self.prepared = false;
            self.channel.suspect();
            self.give_up_promises();
        }
    }

    /// An exchange that was given up says why.
    fn interrupted(&mut self, answer: Result<Answer, atmqtt_at::Fault>) -> Reply {
        match (answer, self.interruption.take()) {
            (Err(atmqtt_at::Fault::Abandoned), Some(why)) => Reply::Interrupted(why),
            (answer, _) => Reply::Exchanged(answer),
        }
    }
}
