//! The module below MQTT: SIM, radio, registration, attach and PDP contexts.

use std::{collections::BTreeMap, time::Duration};

use super::{
    cme::Cme,
    options::{ModemOptions, Registration, Sim},
};

const PIN_ATTEMPTS: u8 = 3;

/// State that a reset gives back its defaults.
#[derive(Debug)]
pub(super) struct Radio {
    on_since: Option<Duration>,
    pin_accepted: bool,
    pin_attempts: u8,
    wants_attach: bool,
    bearer: u8,
    contexts: BTreeMap<u8, Context>,
}

/// One PDP context of `AT+CGDCONT`.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) kind: String,
    pub(super) apn: String,
    active: bool,
}

/// Whether the SIM can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SimState {
    Ready,
    Pin,
    Puk,
    Missing,
    Busy,
}

/// `<stat>` of `+CEREG` (3GPP TS 27.007, 10.1.22).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationStatus {
    /// 0: not registered, not searching: no radio, or no SIM to register with.
    Idle,
    /// 1
    Home,
    /// 2
    Searching,
    /// 3, with the EMM cause.
    Denied(u8),
    /// 5
    Roaming,
}

impl RegistrationStatus {
    /// The number in `+CEREG`.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Idle => 0,
            Self::Home => 1,
            Self::Searching => 2,
            Self::Denied(_) => 3,
            Self::Roaming => 5,
        }
    }

    /// Whether the network is there, home or roaming.
    #[must_use]
    pub fn is_registered(self) -> bool {
        matches!(self, Self::Home | Self::Roaming)
    }
}

impl Radio {
    /// `bearer`: the context that comes up with the attach.
    pub(super) fn new(now: Duration, bearer: u8) -> Self {
        let default = Context { kind: "IP".to_owned(), apn: String::new(), active: true };
        Self {
            on_since: Some(now),
            pin_accepted: false,
            pin_attempts: PIN_ATTEMPTS,
            wants_attach: true,
            bearer,
            contexts: BTreeMap::from([(bearer, default)]),
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.on_since.is_some()
    }

    pub(super) fn switch(&mut self, now: Duration, on: bool) {
        if on == self.is_on() {
            return;
        }
        self.on_since = on.then_some(now);
        self.pin_accepted = false;
        for context in self.contexts.values_mut() {
            context.active = false;
        }
        if on {
            self.raise_default_bearer();
        }
    }

    fn raise_default_bearer(&mut self) {
        if let Some(context) = self.contexts.get_mut(&self.bearer) {
            context.active = true;
        }
    }

    pub(super) fn sim(&self, now: Duration, options: &ModemOptions) -> SimState {
        match &options.sim {
            Sim::Missing => SimState::Missing,
            Sim::BusyFor(time) if self.on_since.is_some_and(|since| now < since.saturating_add(*time)) => {
                SimState::Busy
            }
            Sim::PinRequired(_) if self.pin_attempts == 0 => SimState::Puk,
            Sim::PinRequired(_) if !self.pin_accepted => SimState::Pin,
            Sim::Ready | Sim::BusyFor(_) | Sim::PinRequired(_) => SimState::Ready,
        }
    }

    /// The error with which SIM commands are refused, if they are.
    pub(super) fn sim_ready(&self, now: Duration, options: &ModemOptions) -> Result<(), Cme> {
        match self.sim(now, options) {
            SimState::Ready => Ok(()),
            SimState::Pin => Err(Cme::SimPin),
            SimState::Puk => Err(Cme::SimPuk),
            SimState::Missing => Err(Cme::SimMissing),
            SimState::Busy => Err(Cme::SimBusy),
        }
    }

    pub(super) fn enter_pin(&mut self, now: Duration, options: &ModemOptions, entered: &[u8]) -> Result<(), Cme> {
        match (self.sim(now, options), &options.sim) {
            (SimState::Pin, Sim::PinRequired(pin)) if pin.as_bytes() == entered => {
                self.pin_accepted = true;
                self.pin_attempts = PIN_ATTEMPTS;
                Ok(())
            }
            (SimState::Pin, _) => {
                self.pin_attempts -= 1;
                Err(if self.pin_attempts == 0 { Cme::SimPuk } else { Cme::IncorrectPassword })
            }
            (SimState::Ready, _) => Err(Cme::NotAllowed),
            _ => self.sim_ready(now, options),
        }
    }

    pub(super) fn registration(&self, now: Duration, options: &ModemOptions) -> RegistrationStatus {
        let Some(since) = self.on_since else {
            return RegistrationStatus::Idle;
        };
        if self.sim(now, options) != SimState::Ready {
            return RegistrationStatus::Idle;
        }
        match options.registration {
            Registration::Home => RegistrationStatus::Home,
            Registration::Roaming => RegistrationStatus::Roaming,
            Registration::HomeAfter(time) if now >= since.saturating_add(time) => RegistrationStatus::Home,
            Registration::HomeAfter(_) | Registration::Searching => RegistrationStatus::Searching,
            Registration::Denied(cause) => RegistrationStatus::Denied(cause),
        }
    }

    pub(super) fn is_attached(&self, now: Duration, options: &ModemOptions) -> bool {
        self.wants_attach && options.packet_service && self.registration(now, options).is_registered()
    }

    /// `AT+CGATT=`: attaching fails where the network does not give it.
    pub(super) fn attach(&mut self, now: Duration, options: &ModemOptions, wanted: bool) -> Result<(), Cme> {
        self.wants_attach = wanted;
        if !wanted {
            for context in self.contexts.values_mut() {
                context.active = false;
            }
            return Ok(());
        }
        // A module that attaches later, by itself, has its default bearer then too.
        self.raise_default_bearer();
        if self.is_attached(now, options) { Ok(()) } else { Err(Cme::NoNetwork) }
    }

    pub(super) fn contexts(&self) -> impl Iterator<Item = (u8, &Context)> {
        self.contexts.iter().map(|(&id, context)| (id, context))
    }

    pub(super) fn define(&mut self, id: u8, kind: String, apn: String) {
        let active = self.contexts.get(&id).is_some_and(|context| context.active);
        self.contexts.insert(id, Context { kind, apn, active });
    }

    pub(super) fn undefine(&mut self, id: u8) {
        self.contexts.remove(&id);
    }

    /// `AT+CGACT=`
    pub(super) fn activate(&mut self, now: Duration, options: &ModemOptions, id: u8, active: bool) -> Result<(), Cme> {
        if active && !self.is_attached(now, options) {
            return Err(Cme::NoNetwork);
        }
        self.contexts.get_mut(&id).ok_or(Cme::IncorrectParameters)?.active = active;
        Ok(())
    }

    pub(super) fn is_active(&self, now: Duration, options: &ModemOptions, id: u8) -> bool {
        self.is_attached(now, options) && self.contexts.get(&id).is_some_and(|context| context.active)
    }

    /// Whether any context carries packets.
    pub(super) fn has_packet_data(&self, now: Duration, options: &ModemOptions) -> bool {
        self.contexts.keys().any(|&id| self.is_active(now, options, id))
    }

    /// When the SIM or the registration changes by itself.
    pub(super) fn deadline(&self, now: Duration, options: &ModemOptions) -> Option<Duration> {
        let since = self.on_since?;
        let sim = match options.sim {
            Sim::BusyFor(time) => Some(since.saturating_add(time)),
            _ => None,
        };
        let registration = match options.registration {
            Registration::HomeAfter(time) => Some(since.saturating_add(time)),
            _ => None,
        };
        [sim, registration].into_iter().flatten().filter(|&at| at > now).min()
    }
}
