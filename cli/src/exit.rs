//! How the program ends: what scripts see.

use std::fmt;
use std::process::ExitCode;

/// The exit codes. They are part of the command line's contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Done = 0,
    /// A bug.
    Internal = 1,
    Usage = 2,
    Port = 3,
    Modem = 4,
    Network = 5,
    Broker = 6,
    NotDelivered = 7,
    /// It was sent, and may or may not have arrived.
    Unconfirmed = 8,
    /// `-W` ran out; the number is `mosquitto_sub`'s.
    WaitedInVain = 27,
    Interrupted = 130,
}

impl Exit {
    /// The exit code of a failure, which the first word of its dotted code decides; but a transcript that cannot be read is
    /// wrong input, and one that does not hold is a module that does not answer as it should.
    fn of_code(code: &str) -> Exit {
        if code == "transcript.syntax" {
            return Exit::Usage;
        }
        match code.split('.').next().unwrap_or_default() {
            "input" => Exit::Usage,
            "port" => Exit::Port,
            "modem" | "transcript" => Exit::Modem,
            "network" => Exit::Network,
            "broker" => Exit::Broker,
            "delivery" => Exit::NotDelivered,
            "unconfirmed" => Exit::Unconfirmed,
            "wait" => Exit::WaitedInVain,
            _ => Exit::Internal,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why something was not done: what the person reads, and what a program does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Stable, dotted, lower case; its first word decides the exit code.
    pub(crate) code: &'static str,
    /// A sentence without a full stop.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) help: Option<String>,
    /// The number that the vendor gave for it.
    pub(crate) vendor_code: Option<i32>,
}

impl Failure {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Failure {
        Failure { code, message: message.into(), help: None, vendor_code: None }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Failure::new("input.usage", message)
    }

    pub(crate) fn help(self, help: impl Into<String>) -> Failure {
        Failure { help: Some(help.into()), ..self }
    }

    pub(crate) fn exit(&self) -> Exit {
        Exit::of_code(self.code)
    }
}

impl From<atmqtt::Error> for Failure {
    fn from(error: atmqtt::Error) -> Failure {
        Failure {
            code: error.code(),
            message: error.to_string(),
            help: error.advice().map(str::to_owned),
            vendor_code: error.vendor_code(),
        }
    }
}

impl From<atmqtt::Refusal> for Failure {
    fn from(refusal: atmqtt::Refusal) -> Failure {
        atmqtt::Error::from(refusal).into()
    }
}

impl From<atmqtt_credentials::Invalid> for Failure {
    fn from(invalid: atmqtt_credentials::Invalid) -> Failure {
        Failure {
            code: invalid.code(),
            message: invalid.to_string(),
            help: invalid.advice().map(str::to_owned),
            vendor_code: None,
        }
    }
}

impl From<atmqtt_credentials::Unanswered> for Failure {
    fn from(unanswered: atmqtt_credentials::Unanswered) -> Failure {
        Failure {
            code: unanswered.code(),
            message: unanswered.to_string(),
            help: unanswered.advice().map(str::to_owned),
            vendor_code: unanswered.vendor_code(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Why a command stops before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Halt {
    Failed(Failure),
    /// SIGINT or SIGTERM.
    Interrupted,
    /// Nobody reads the results any more, which is how `head` says that it has enough.
    PipeClosed,
}

impl Halt {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Halt::Failed(failure) => failure.exit(),
            Halt::Interrupted => Exit::Interrupted,
            Halt::PipeClosed => Exit::Done,
        }
    }
}

impl<F: Into<Failure>> From<F> for Halt {
    fn from(failure: F) -> Halt {
        Halt::Failed(failure.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atmqtt::outbox::OutboxError;
    use atmqtt::{ConnectFault, Fault, OpenFault, PacketFault, PortError, Refusal, ReturnCode, SimState};

    #[test]
    fn every_kind_of_fault_has_its_exit_code() {
        let broker = || "mqtt://h:1883".to_owned();
        let path = || "/dev/ttyUSB0".to_owned();
        let table: Vec<(atmqtt::Error, Exit)> = vec![
            (Refusal::NoClientId.into(), Exit::Usage),
            (PortError::NotFound { path: path() }.into(), Exit::Port),
            (PortError::Busy { path: path() }.into(), Exit::Port),
            (PortError::Lost.into(), Exit::Port),
            (atmqtt::Error::Closed, Exit::Port),
            (Fault::Restarted.into(), Exit::Modem),
            (Fault::Sim(SimState::NotInserted).into(), Exit::Modem),
            (Fault::RegistrationDenied { cause: Some(15) }.into(), Exit::Modem),
            (Fault::Open { broker: broker(), fault: OpenFault::Dns }.into(), Exit::Network),
            (
                Fault::Connect { broker: broker(), fault: ConnectFault::Refused(ReturnCode::NotAuthorized) }.into(),
                Exit::Broker,
            ),
            (
                Fault::Connect { broker: broker(), fault: ConnectFault::Packet(PacketFault::SendFailed) }.into(),
                Exit::Network,
            ),
            (Fault::Publish(PacketFault::SendFailed).into(), Exit::NotDelivered),
            (Fault::LinkLost.into(), Exit::NotDelivered),
            (OutboxError::Exposed { path: path(), mode: 0o644 }.into(), Exit::Usage),
            (OutboxError::Damaged { path: path() }.into(), Exit::Usage),
            (OutboxError::InUse { path: path() }.into(), Exit::NotDelivered),
            (OutboxError::NoSpace { path: path() }.into(), Exit::NotDelivered),
        ];
        for (error, exit) in table {
            assert_eq!(Failure::from(error.clone()).exit(), exit, "{error}");
        }
    }

    #[test]
    fn the_first_word_of_a_code_decides() {
        for (code, exit) in [
            ("input.topic", 2),
            ("port.lost", 3),
            ("modem.refused", 4),
            ("network.dns", 5),
            ("broker.not_authorized", 6),
            ("delivery.not_published", 7),
            ("unconfirmed.timed_out", 8),
            ("wait.ran_out", 27),
            ("transcript.syntax", 2),
            ("transcript.mismatch", 4),
            ("internal", 1),
            ("", 1),
        ] {
            assert_eq!(Exit::of_code(code) as u8, exit, "{code}");
        }
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        assert_eq!(Halt::PipeClosed.exit() as u8, 0);
        assert_eq!(Halt::Interrupted.exit() as u8, 130);
    }
}
