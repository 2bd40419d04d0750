//! What a command is refused with.

/// An equipment error of 3GPP TS 27.007, section 9.2, with the meaning that `EC6xx` firmware gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cme {
    /// The firmware's answer to nearly every wrong order and wrong argument of its MQTT commands.
    NotAllowed,
    NotSupported,
    SimMissing,
    SimPin,
    SimPuk,
    SimBusy,
    IncorrectPassword,
    NoNetwork,
    IncorrectParameters,
    /// UE busy, as the firmware's own list has it.
    Busy,
    /// Bad parameter of an MQTT command (BC660K MQTT application note).
    MqttParameter,
    /// An error of Quectel's file commands, 400 to 426 (Quectel's own code for the BG95 lists them).
    File(FileFault),
    /// An MQTT error of OneMO modules, 600 to 608 (OneMO MQTT user manual).
    OneMo(u16),
}

impl Cme {
    pub(super) fn code(self) -> u16 {
        self.row().0
    }

    pub(super) fn text(self) -> &'static str {
        self.row().1
    }

    fn row(self) -> (u16, &'static str) {
        match self {
            Self::NotAllowed => (3, "operation not allowed"),
            Self::NotSupported => (4, "operation not supported"),
            Self::SimMissing => (10, "SIM not inserted"),
            Self::SimPin => (11, "SIM PIN required"),
            Self::SimPuk => (12, "SIM PUK required"),
            Self::SimBusy => (14, "SIM busy"),
            Self::IncorrectPassword => (16, "incorrect password"),
            Self::NoNetwork => (30, "no network service"),
            Self::IncorrectParameters => (50, "incorrect parameters"),
            Self::Busy => (302, "UE busy"),
            Self::MqttParameter => (8507, "bad parameter"),
            Self::File(fault) => fault.row(),
            Self::OneMo(code) => (code, "mqtt error"),
        }
    }
}

/// What Quectel's file commands fail for. That 420 is a want of space is general knowledge, 421 what users see of data cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileFault {
    Input,
    NotFound,
    Name,
    Exists,
    Delete,
    NoSpace,
    TimeOut,
}

impl FileFault {
    fn row(self) -> (u16, &'static str) {
        match self {
            Self::Input => (400, "invalid input value"),
            Self::NotFound => (405, "file not found"),
            Self::Name => (406, "invalid file name"),
            Self::Exists => (407, "file already existed"),
            Self::Delete => (418, "fail to delete the file"),
            Self::NoSpace => (420, "no space"),
            Self::TimeOut => (421, "time-out"),
        }
    }
}

impl From<FileFault> for Cme {
    fn from(fault: FileFault) -> Self {
        Self::File(fault)
    }
}
