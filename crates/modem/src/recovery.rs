//! What stands between a host and its broker, from the line up, and what is told of having a kept connection again.

use std::fmt;
use std::time::Duration;

use crate::fault::Fault;
use crate::message::Filter;

/// The stages of a connection, the lowest first. A fault is cured at the lowest that explains it, and everything above is made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// The module answers AT commands.
    Line,
    /// The SIM is ready.
    Sim,
    /// The network has taken the module in.
    Registration,
    /// There is a way for packets.
    PacketNetwork,
    /// The link to the broker.
    Link,
    /// The broker takes the sign-in.
    Broker,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Line => "line",
            Stage::Sim => "SIM",
            Stage::Registration => "registration",
            Stage::PacketNetwork => "packet network",
            Stage::Link => "link",
            Stage::Broker => "broker",
        })
    }
}

/// What is done to the module when trying again does not help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cure {
    /// `AT+CGATT=0` and `AT+CGATT=1`: off the packet network, and on to it again.
    CyclePacketNetwork,
    /// `AT+CFUN=0` and `AT+CFUN=1`: the radio off and on.
    CycleRadio,
    /// `AT+CFUN=1,1`: the module starts anew.
    ResetModule,
    /// The port is closed and opened again.
    ReopenPort,
    /// The user's hook switches the module's power off and on. The port is closed meanwhile.
    Power,
}

impl fmt::Display for Cure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cure::CyclePacketNetwork => "the packet network is left and joined again",
            Cure::CycleRadio => "the radio is switched off and on",
            Cure::ResetModule => "the module is reset",
            Cure::ReopenPort => "the port is opened again",
            Cure::Power => "the module's power is switched off and on",
        })
    }
}

/// What is done to have a kept connection again.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Recovery {
    /// An attempt is made after this wait.
    Waiting {
        /// Which one since the last good connection, from 1 on.
        attempt: u32,
        /// How long.
        wait: Duration,
        /// Why the last one failed; `None`: the connection was lost, and this is the first.
        fault: Option<Fault>,
        /// Where the fault belongs.
        stage: Stage,
    },
    /// Trying again does not help, and the module is treated before the next attempt.
    Curing {
        /// How.
        cure: Cure,
        /// What for.
        fault: Fault,
        /// Where the fault belongs.
        stage: Stage,
    },
    /// The connection is there again, and so is what was subscribed to.
    Restored {
        /// How long it was away.
        after: Duration,
        /// How many filters were subscribed to again.
        subscriptions: usize,
    },
    /// The broker does not take a filter any more that it took before. It is not asked for it again.
    SubscriptionRefused {
        /// The filter.
        filter: Filter,
    },
    /// Another module answers on the port than before: all that follows is done with it.
    OtherModule {
        /// What it calls itself, if it does.
        model: Option<String>,
    },
    /// The hook that is to switch the module's power off and on has failed.
    PowerHookFailed {
        /// Why, in its own words.
        reason: String,
    },
    /// The connection ends again and again soon after the sign-in: somebody else may sign in with the same client id, and each signs the
    /// other out.
    IdentityInUse {
        /// How often in a row.
        times: u32,
    },
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Recovery::Waiting { attempt, wait, fault: None, .. } => {
                write!(f, "the next sign-in is in {:.1} s (attempt {attempt})", wait.as_secs_f64())
            }
            Recovery::Waiting { attempt, wait, fault: Some(fault), stage } => {
                write!(f, "{stage}: {fault}; the next sign-in is in {:.1} s (attempt {attempt})", wait.as_secs_f64())
            }
            Recovery::Curing { cure, fault, stage } => write!(f, "{stage}: {fault}; {cure}"),
            Recovery::Restored { after, subscriptions } => {
                let away = after.as_secs_f64();
                write!(f, "the connection is there again after {away:.1} s, with {subscriptions} subscriptions")
            }
            Recovery::SubscriptionRefused { filter } => write!(f, "the broker does not take {filter} any more"),
            Recovery::OtherModule { model } => {
                let model = model.as_deref().unwrap_or("of unknown model");
                write!(f, "another module answers on this port than before: {model}")
            }
            Recovery::PowerHookFailed { reason } => write!(f, "the module's power was not switched: {reason}"),
            Recovery::IdentityInUse { times } => write!(
                f,
                "the connection ended {times} times soon after the sign-in: is there another client with the same client id?"
            ),
        }
    }
}
