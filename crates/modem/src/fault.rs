//! What can go wrong once something has been sent: what, where, and what to do next.

mod mqtt;

use std::fmt;
use std::time::Duration;

use atmqtt_at::{FinalResult, Malformed, Stage};

use crate::message::Filter;
use crate::network::state::{RegistrationStatus, SimState};
use crate::refusal::Refusal;

pub use mqtt::{ConnectFault, LinkLoss, OpenFault, PacketFault, ReturnCode, StoreFault, SubscribeFault};

/// Why a request failed.
///
/// A module's *no* ([`Fault::Refused`] and the faults of its MQTT client) and a line that is out of order
/// ([`Fault::is_line_fault`]) are different things: the first is a fact, after the second nothing is known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// It was refused before a byte was written.
    #[error(transparent)]
    Input(#[from] Refusal),
    /// Nothing answers at all.
    #[error("nothing answers AT commands on this port; asked for {} s", .after.as_secs())]
    NoAnswer {
        /// How long was asked.
        after: Duration,
    },
    /// The module sends frames of a multiplexer (3GPP TS 27.010), and the frame that ends this mode changed nothing.
    #[error("the module is in multiplexer mode (CMUX), and does not leave it")]
    StuckInCmux,
    /// A command was not answered in time.
    #[error("{command}: {stage} within {} s", .after.as_secs_f32())]
    TimedOut {
        /// The command, without its arguments.
        command: String,
        /// How far it had come.
        stage: Stage,
        /// How long was waited at this stage.
        after: Duration,
    },
    /// The module answered before, and does not any more. The command was not sent.
    #[error("{command} was not sent: the module does not answer any more")]
    Unresponsive {
        /// The command, without its arguments.
        command: String,
    },
    /// The module restarted.
    #[error("the module restarted")]
    Restarted,
    /// The port is gone: the module was unplugged, or is starting anew as a USB device.
    #[error("the port is gone: the module was unplugged or has reset")]
    PortLost,
    /// The connection to the broker was lost while the module worked on this.
    #[error("the connection to the broker was lost")]
    LinkLost,
    /// A farewell came before it was done: nobody wants it any more.
    #[error("it was broken off: the connection was closed before it was there")]
    BrokenOff,
    /// The module took a command, and its result did not come: it sends such lines to another of its ports.
    #[error(
        "the module took the command, and sends its results and messages to another of its ports, {port}; \
         {cure} has them come to its serial port"
    )]
    ResultsElsewhere {
        /// The port, as the module calls it: `usbat`, say.
        port: String,
        /// The command line that has them come to the serial port.
        cure: String,
    },
    /// The module refused a command.
    #[error("the module refused {command}: {result}")]
    Refused {
        /// The command, without its arguments.
        command: String,
        /// The final result code.
        result: FinalResult,
    },
    /// The module gave an answer of an unknown form.
    #[error("the answer to {command} is not understood: {malformed}")]
    Malformed {
        /// The command, without its arguments.
        command: String,
        /// Where the form is unknown.
        malformed: Malformed,
    },
    /// No profile names the module, and it knows the MQTT commands of no dialect.
    #[error("this module knows none of the MQTT commands that are known here; it says that it is {said:?}")]
    UnknownModel {
        /// What it says of itself.
        said: String,
    },
    /// The model is known, but its firmware does not speak the commands of its profile.
    #[error("this {model} does not know the {dialect} commands: it has another firmware")]
    WrongFirmware {
        /// The profile.
        model: String,
        /// Its dialect.
        dialect: String,
    },
    /// The SIM is not usable.
    #[error("the SIM is {0}")]
    Sim(SimState),
    /// The PIN is wrong. It was tried once; after three times the SIM is locked.
    #[error("the SIM refused the PIN")]
    PinRefused,
    /// The network does not let the module in.
    #[error("the network denied registration{}", Because(*.cause))]
    RegistrationDenied {
        /// The cause that the network gave (3GPP 24.301, annex A), if the module says.
        cause: Option<u16>,
    },
    /// The module found no network in time.
    #[error("the module is not registered ({status}) after {} s", .patience.as_secs())]
    NotRegistered {
        /// What it said last.
        status: RegistrationStatus,
        /// How long was waited.
        patience: Duration,
    },
    /// The module is registered, but cannot attach to the packet network.
    #[error("the module cannot attach to the packet network: {0}")]
    PacketNetwork(FinalResult),
    /// The link to the broker could not be opened.
    #[error("the link to {broker} could not be opened: {fault}")]
    Open {
        /// The broker.
        broker: String,
        /// Why.
        fault: OpenFault,
    },
    /// Whoever makes the sign-ins for a kept connection could not make one.
    #[error("there is nothing to sign in with: {why}")]
    NoCredentials {
        /// Why, in its words.
        why: String,
    },
    /// The sign-in failed.
    #[error("{broker}: {fault}")]
    Connect {
        /// The broker.
        broker: String,
        /// Why.
        fault: ConnectFault,
    },
    /// The module does not keep a certificate, or does not give it up.
    #[error("{name}: {fault}")]
    Certificate {
        /// By which name.
        name: String,
        /// Why.
        fault: StoreFault,
    },
    /// The module's clock is not set, the host has no time for it, and certificates cannot be checked without.
    #[error("the module's clock is not set, and certificates cannot be checked without")]
    ClockNotSet,
    /// A message was not published: the module says that it did not get out.
    #[error("the message was not published: {0}")]
    Publish(PacketFault),
    /// A filter was not subscribed to, or not unsubscribed from.
    #[error("{filter}: {fault}")]
    Subscribe {
        /// The filter.
        filter: Filter,
        /// Why.
        fault: SubscribeFault,
    },
}

struct Because(Option<u16>);

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(cause) => write!(f, ", cause {cause}"),
            None => Ok(()),
        }
    }
}

impl Fault {
    /// What became of the exchange of the command called `name`.
    pub(crate) fn exchange(name: &str, fault: atmqtt_at::Fault) -> Fault {
        let command = format!("AT{name}");
        match fault {
            atmqtt_at::Fault::Refused { result, .. } => Fault::Refused { command, result },
            atmqtt_at::Fault::TimedOut { stage, after } => Fault::TimedOut { command, stage, after },
            _ => Fault::Unresponsive { command },
        }
    }

    /// Whether the line is out of order, so that nothing is known of what the module has done.
    #[must_use]
    pub fn is_line_fault(&self) -> bool {
        matches!(
            self,
            Fault::NoAnswer { .. }
                | Fault::StuckInCmux
                | Fault::TimedOut { .. }
                | Fault::Unresponsive { .. }
                | Fault::Restarted
                | Fault::PortLost
        )
    }

    /// Whether the same request may succeed later, without anything being changed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Fault::NoAnswer { .. }
            | Fault::TimedOut { .. }
            | Fault::Unresponsive { .. }
            | Fault::Restarted
            | Fault::PortLost
            | Fault::LinkLost
            | Fault::BrokenOff
            | Fault::NotRegistered { .. }
            | Fault::ClockNotSet
            | Fault::NoCredentials { .. }
            | Fault::PacketNetwork(_) => true,
            Fault::Certificate { fault, .. } => {
                matches!(fault, StoreFault::Damaged { .. } | StoreFault::Checksum | StoreFault::TimedOut)
            }
            Fault::Sim(state) => *state == SimState::Busy,
            Fault::Open { fault, .. } => !matches!(fault, OpenFault::BadParameter),
            Fault::Connect { fault, .. } => matches!(
                fault,
                ConnectFault::Closed
                    | ConnectFault::Refused(ReturnCode::ServerUnavailable)
                    | ConnectFault::Packet(PacketFault::SendFailed | PacketFault::Vendor { .. })
            ),
            Fault::Publish(fault) => *fault != PacketFault::BadParameter,
            Fault::Subscribe { fault, .. } => *fault != PacketFault::BadParameter.into(),
            Fault::Input(_)
            | Fault::StuckInCmux
            | Fault::Refused { .. }
            | Fault::Malformed { .. }
            | Fault::UnknownModel { .. }
            | Fault::WrongFirmware { .. }
            | Fault::ResultsElsewhere { .. }
            | Fault::PinRefused
            | Fault::RegistrationDenied { .. } => false,
        }
    }

    /// A stable name for programs, dotted, in lower case. What stands before the dot says whose fault it is: `input`,
    /// `modem`, `network`, `broker` or `delivery`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Fault::Input(refusal) => refusal.code(),
            Fault::NoAnswer { .. } => "modem.no_answer",
            Fault::StuckInCmux => "modem.stuck_in_cmux",
            Fault::TimedOut { .. } => "modem.timed_out",
            Fault::Unresponsive { .. } => "modem.unresponsive",
            Fault::Restarted => "modem.restarted",
            Fault::PortLost => "port.lost",
            Fault::LinkLost => "delivery.link_lost",
            Fault::BrokenOff => "input.broken_off",
            Fault::NoCredentials { .. } => "input.no_credentials",
            Fault::ResultsElsewhere { .. } => "modem.results_elsewhere",
            Fault::Refused { .. } => "modem.refused",
            Fault::Malformed { .. } => "modem.answer_not_understood",
            Fault::UnknownModel { .. } => "modem.unknown_model",
            Fault::WrongFirmware { .. } => "modem.wrong_firmware",
            Fault::Sim(SimState::NotInserted) => "modem.sim_missing",
            Fault::Sim(SimState::PinRequired | SimState::PukRequired) => "modem.sim_locked",
            Fault::Sim(SimState::Busy) => "modem.sim_busy",
            Fault::Sim(_) => "modem.sim_failure",
            Fault::PinRefused => "modem.pin_refused",
            Fault::RegistrationDenied { .. } => "modem.registration_denied",
            Fault::NotRegistered { .. } => "modem.not_registered",
            Fault::PacketNetwork(_) => "network.not_attached",
            Fault::Open { fault, .. } => match fault {
                OpenFault::BadParameter => "network.bad_parameter",
                OpenFault::IdInUse => "network.id_in_use",
                OpenFault::PacketNetwork => "network.packet_network",
                OpenFault::Dns => "network.dns",
                OpenFault::Network => "network.unreachable",
                OpenFault::Tls => "network.tls",
                OpenFault::NetworkOrTls => "network.unreachable_or_tls",
                OpenFault::Vendor { .. } => "network.open_failed",
            },
            Fault::Connect { fault, .. } => match fault {
                ConnectFault::Refused(code) => match code {
                    ReturnCode::UnacceptableProtocolVersion => "broker.protocol_version",
                    ReturnCode::IdentifierRejected => "broker.identifier_rejected",
                    ReturnCode::ServerUnavailable => "broker.unavailable",
                    ReturnCode::BadUserNameOrPassword => "broker.bad_user_name_or_password",
                    ReturnCode::NotAuthorized => "broker.not_authorized",
                },
                ConnectFault::RefusedWithoutReason => "broker.refused",
                ConnectFault::Packet(PacketFault::SendFailed) => "network.connect_not_sent",
                ConnectFault::Closed => "network.closed",
                ConnectFault::Packet(PacketFault::BadParameter) => "network.bad_parameter",
                ConnectFault::Packet(PacketFault::Truncated { .. } | PacketFault::Vendor { .. }) => {
                    "network.connect_failed"
                }
            },
            Fault::Certificate { fault, .. } => match fault {
                StoreFault::Exists => "modem.certificate_exists",
                StoreFault::Missing => "modem.certificate_missing",
                StoreFault::Full => "modem.certificate_no_room",
                StoreFault::Damaged { .. } | StoreFault::Checksum | StoreFault::TimedOut => "modem.certificate_damaged",
            },
            Fault::ClockNotSet => "modem.clock_not_set",
            Fault::Publish(_) => "delivery.not_published",
            Fault::Subscribe { .. } => "delivery.not_subscribed",
        }
    }

    /// The number that the vendor gave for it.
    #[must_use]
    pub fn vendor_code(&self) -> Option<i32> {
        match self {
            Fault::Refused { result, .. } | Fault::PacketNetwork(result) => result.code().map(i32::from),
            Fault::RegistrationDenied { cause } => cause.map(i32::from),
            Fault::Connect { fault: ConnectFault::Refused(code), .. } => Some(i32::from(code.number())),
            Fault::Connect { fault: ConnectFault::Packet(PacketFault::Vendor { result, extend }), .. }
            | Fault::Open { fault: OpenFault::Vendor { result, extend }, .. }
            | Fault::Publish(PacketFault::Vendor { result, extend })
            | Fault::Subscribe { fault: SubscribeFault::Packet(PacketFault::Vendor { result, extend }), .. } => {
                Some(extend.unwrap_or(*result))
            }
            _ => None,
        }
    }

    /// What to do about it, in a sentence; without a full stop.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Fault::Input(refusal) => return refusal.advice(),
            Fault::NoAnswer { .. } => {
                "check that the module is on, that this is its AT port, and that the baud rate fits (--baud)"
            }
            Fault::StuckInCmux => {
                "end the program that multiplexes the port, if there is one; else reset the module or cycle its power"
            }
            Fault::TimedOut { stage: Stage::Write | Stage::Data, .. } => {
                "check the cable and the flow control: the port takes no bytes"
            }
            Fault::TimedOut { .. } | Fault::Unresponsive { .. } => "try again; if it stays so, restart the module",
            Fault::Restarted => "check its power supply: a supply that is too weak lets a module restart when it sends",
            Fault::PortLost => "check the cable and the power supply",
            Fault::LinkLost | Fault::BrokenOff => "connect again",
            Fault::NoCredentials { .. } => {
                "look after what makes them: a clock that is not set, say, or a service that is away"
            }
            Fault::ResultsElsewhere { .. } => {
                "use that port; or send that command (atmqtt at 'COMMAND'), once: the module keeps it"
            }
            Fault::Refused { .. } | Fault::Malformed { .. } => {
                "run again with -d to see the dialogue, and check that the profile fits the firmware"
            }
            Fault::UnknownModel { .. } => {
                "use a module that has an MQTT client inside; if one of the profiles fits, name it with --modem"
            }
            Fault::WrongFirmware { .. } => {
                "ask the vendor for firmware with these commands, or name the profile with --modem"
            }
            Fault::Sim(SimState::NotInserted) => "insert a SIM, with the module off",
            Fault::Sim(SimState::PinRequired) => "give its PIN with --pin",
            Fault::Sim(SimState::PukRequired) => "unlock the SIM with its PUK, in a telephone for instance",
            Fault::Sim(_) => "take the SIM out and put it in again, or try another one",
            Fault::PinRefused => "check the PIN; after three wrong ones the SIM is locked",
            Fault::RegistrationDenied { .. } => "check with the operator that this SIM may use this network",
            Fault::NotRegistered { .. } => "check the antenna, and that an operator covers this place",
            Fault::PacketNetwork(_) => "check the APN (--apn) and that the SIM has a data plan",
            Fault::Open { fault, .. } => match fault {
                OpenFault::BadParameter => "check the broker's host and port",
                OpenFault::IdInUse => "another program may be using the module; restart it if not",
                OpenFault::PacketNetwork => "check the APN (--apn) and that the SIM has a data plan",
                OpenFault::Dns => "check the broker's host name",
                OpenFault::Tls => {
                    "check that the certificate authority is the one that signed the broker's certificate, that this is for the name \
                     in the URL, and the module's clock"
                }
                OpenFault::NetworkOrTls => {
                    "check that the broker can be reached with TLS on this port, the certificate authority, and the module's clock"
                }
                OpenFault::Network | OpenFault::Vendor { .. } => {
                    "check that the broker can be reached from the packet network, and its port"
                }
            },
            Fault::Connect { fault, .. } => match fault {
                ConnectFault::Refused(ReturnCode::UnacceptableProtocolVersion) => "use a broker that speaks MQTT 3.1.1",
                ConnectFault::Refused(ReturnCode::IdentifierRejected) => "try another client id (-i)",
                ConnectFault::Refused(ReturnCode::ServerUnavailable) => "try again later",
                ConnectFault::Refused(ReturnCode::BadUserNameOrPassword) => {
                    "check the user name (-u) and password (-P)"
                }
                ConnectFault::Refused(ReturnCode::NotAuthorized) => {
                    "check the user name (-u), the password (-P), and what the broker allows this client"
                }
                ConnectFault::RefusedWithoutReason => {
                    "check the client id (-i), the user name (-u), the password (-P), and what the broker allows this client"
                }
                ConnectFault::Packet(PacketFault::BadParameter) => "check the client id, user name and password",
                ConnectFault::Closed => "check that an MQTT broker without TLS listens on this port",
                ConnectFault::Packet(_) => "try again",
            },
            Fault::Certificate { fault, .. } => match fault {
                StoreFault::Exists => "replace it (--replace), or take another name (--name)",
                StoreFault::Missing => "see what there is: atmqtt certs list",
                StoreFault::Full => "delete what is not needed any more: atmqtt certs delete NAME",
                StoreFault::Damaged { .. } | StoreFault::Checksum | StoreFault::TimedOut => "upload it again",
            },
            Fault::ClockNotSet => {
                "set the clock of this computer, which sets the module's; or wait until the network does"
            }
            Fault::Publish(PacketFault::BadParameter) => "check the topic, and run again with -d to see the dialogue",
            Fault::Publish(_) => "check the signal and try again",
            Fault::Subscribe { .. } => "check that the broker allows this client this filter",
        })
    }
}
