//! The port that a supervisor's module hangs on, where that can be lost and opened again: when it is, and whether the same module is
//! at its end. Who owns the port does it.

use std::time::Duration;

use atmqtt_at::Time;

use super::Supervisor;
use super::keep::Keep;
use super::ladder::{Means, Reconnect};
use crate::driver::{Event, Output};
use crate::identify::Identity;
use crate::recovery::{Cure, Recovery};

/// What the owner of the port is to do, and to tell what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortWish {
    /// Open the port; close it first, if it is open. Then call [`port_opened`](Supervisor::port_opened) or
    /// [`port_failed`](Supervisor::port_failed).
    Open,
    /// Close the port, if it can be opened again, and switch the module's power off and on. Then call
    /// [`powered`](Supervisor::powered).
    Power,
}

/// How soon a port that is gone is looked for; then twice as late each time.
const LOOK: Duration = Duration::from_millis(250);
/// And this at the latest: looking is cheap, and a port that is back should not wait.
const SLOWEST_LOOK: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(super) struct Port {
    means: Means,
    state: State,
    /// Since when there is none.
    lost: Option<Time>,
    /// How often in vain it was looked for.
    failures: u32,
    /// When the power was switched last.
    powered: Option<Time>,
    /// Who was at its end, as far as it was told.
    known: Option<Known>,
    wish: Option<PortWish>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    There,
    /// The owner is to look for it then.
    Away(Time),
    /// The owner is at it.
    Working,
}

/// By what a module is known again.
#[derive(Debug, Default)]
struct Known {
    manufacturer: Option<String>,
    model: Option<String>,
    number: Option<String>,
}

impl Port {
    /// Whether nothing can be said on it.
    pub(super) fn is_away(&self) -> bool {
        self.state != State::There
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        match self.state {
            State::Away(until) => Some(until),
            State::There | State::Working => None,
        }
    }

    /// What can be done now.
    pub(super) fn means(&self, now: Time, reconnect: &Reconnect) -> Means {
        let may_power = self.powered.is_none_or(|last| now - last >= reconnect.power);
        Means { power: self.means.power && may_power, ..self.means }
    }

    /// Whether it is of use to know the module's serial number.
    pub(super) fn wants_number(&self) -> bool {
        (self.means.reopen || self.means.power) && self.known.as_ref().is_some_and(|known| known.number.is_none())
    }

    /// Remembers who was there first.
    pub(super) fn note(&mut self, identity: Option<&Identity>) {
        if let (None, Some(identity)) = (&self.known, identity) {
            self.known = Some(Known::of(identity, None));
        }
    }

    /// Says so where it is another module than before, and remembers it from now on.
    pub(super) fn is_other(&mut self, identity: Option<&Identity>, number: Option<String>) -> Option<Recovery> {
        let now = Known::of(identity?, number);
        let differ = |before: &Option<String>, now: &Option<String>| {
            before.as_ref().zip(now.as_ref()).is_some_and(|(before, now)| before != now)
        };
        let is_other = self.known.as_ref().is_some_and(|before| {
            differ(&before.number, &now.number)
                || differ(&before.model, &now.model)
                || differ(&before.manufacturer, &now.manufacturer)
        });
        let model = now.model.clone();
        if is_other || now.number.is_some() {
            self.known = Some(now);
        }
        is_other.then_some(Recovery::OtherModule { model })
    }
}

impl Known {
    fn of(identity: &Identity, number: Option<String>) -> Known {
        Known { manufacturer: identity.manufacturer.clone(), model: identity.model.clone(), number }
    }
}

impl Supervisor {
    /// With what the owner of the port can do. Without, a connection ends with its port.
    #[must_use]
    pub fn with_means(mut self, means: Means) -> Supervisor {
        self.port.means = means;
        self
    }

    /// What the owner of the port is to do, once. Asked for behind [`poll`](Supervisor::poll), when that has no more.
    pub fn take_wish(&mut self) -> Option<PortWish> {
        self.port.wish.take()
    }

    /// The port is gone. True: the connection is kept all the same, and [`take_wish`](Supervisor::take_wish) says when the port is to be
    /// opened again; what the driver was asked for, beside the requests of the session, has ended with [`Fault::PortLost`](crate::Fault::PortLost). False:
    /// nothing is kept that would be worth it, and nothing has changed.
    pub fn port_lost(&mut self, now: Time) -> bool {
        let limit = self.keep.as_ref().filter(|keep| keep.is_begun()).map(|keep| keep.reconnect().port);
        if !self.port.means.reopen || limit.is_none_or(|limit| limit == Some(Duration::ZERO)) {
            return false;
        }
        self.unplug(now);
        self.port.state = State::Away(now + LOOK);
        true
    }

    /// The port was opened again.
    pub fn port_opened(&mut self, now: Time) {
        (self.port.state, self.port.lost, self.port.failures) = (State::There, None, 0);
        if let Some(keep) = &mut self.keep {
            keep.plugged(now);
        }
        self.work(now);
    }

    /// The port could not be opened. False: it has been waited for as long as was asked for, and is to be given up.
    pub fn port_failed(&mut self, now: Time) -> bool {
        let limit = self.keep.as_ref().and_then(|keep| keep.reconnect().port);
        if limit.zip(self.port.lost).is_some_and(|(limit, lost)| now - lost >= limit) {
            return false;
        }
        let wait = 2_u32.checked_pow(self.port.failures).and_then(|times| LOOK.checked_mul(times));
        self.port.failures = self.port.failures.saturating_add(1);
        self.port.state = State::Away(now + wait.map_or(SLOWEST_LOOK, |wait| wait.min(SLOWEST_LOOK)));
        true
    }

    /// The module's power was switched off and on; or why it was not.
    pub fn powered(&mut self, now: Time, outcome: Result<(), String>) {
        if let Err(reason) = outcome {
            self.outputs.push_back(Output::Event(Event::Recovery(Recovery::PowerHookFailed { reason })));
        }
        if self.port.means.reopen {
            self.port.state = State::Away(now);
        } else {
            self.port_opened(now);
        }
    }

    /// Whether the port is away, and nothing is said on it.
    #[must_use]
    pub fn is_unplugged(&self) -> bool {
        self.port.is_away()
    }

    /// Ends whatever was being said on the port.
    fn unplug(&mut self, now: Time) {
        if let Some(keep) = &mut self.keep {
            keep.unplugged(now);
        }
        self.port.lost = self.port.lost.or(Some(now));
        self.port.state = State::Working;
        self.driver.unplugged(now);
        self.work(now);
    }

    /// Has the owner do what is due at the port.
    pub(super) fn mind_port(&mut self, now: Time) {
        if self.port.state == State::There
            && let Some(cure) = self.keep.as_ref().and_then(Keep::cure_of_port)
        {
            let wish = if cure == Cure::Power { PortWish::Power } else { PortWish::Open };
            if wish == PortWish::Power {
                self.port.powered = Some(now);
            }
            self.unplug(now);
            self.port.wish = Some(wish);
        }
        if let State::Away(until) = self.port.state
            && until <= now
        {
            self.port.state = State::Working;
            self.port.wish = Some(PortWish::Open);
        }
    }
}
