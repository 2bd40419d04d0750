//! The keys of a profile, and what each of them can be.

use super::{CmqttKind, CmqttVersion, EdrxQuery, QmtData, QmtKind, UrcSetting, UsbRole};

/// What MQTT's own lengths allow for a text: they have 16 bits.
const TEXT: u64 = u16::MAX as u64;
/// And for a whole packet: 28 bits.
const PACKET: u64 = (1 << 28) - 1;
/// The longest that anything may take, in seconds: a day. What is longer is a slip of the pen.
const DAY: u64 = 24 * 60 * 60;
/// The longest quiet time, in seconds.
const MINUTE: u64 = 60;
/// The fastest that serial ports know, in bits per second.
const FASTEST: u64 = 4_000_000;

/// How many publishes may be unconfirmed: the one figure of the line that is no quiet time.
pub(super) const WINDOW: &str = "window";
/// The key of a figure's evidence.
pub(super) const EVIDENCE: &str = "evidence";

/// The key that names the profile to start from.
pub(super) const BASE: &str = "base";

/// The names of the dialects.
pub(crate) const DIALECTS: [&str; 5] = ["lmqtt", "qmt", "cmqtt", "onemo", "ecmt"];
/// What evidence can be. That a figure was overridden, no file says.
pub(super) const EVIDENCES: &[&str] = &["manual", "measured", "driver code", "inferred"];

/// A table of a profile.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) presence: Presence,
    pub(super) keys: &'static [Key],
}

/// Which profiles have a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// Each.
    Always,
    /// Each of this dialect, and no other.
    Of(&'static str),
    /// Those of modules that can do what it is about.
    Optional,
    /// The same, of this dialect only.
    OptionalOf(&'static str),
}

/// A key of a table.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) is_required: bool,
    pub(super) form: Form,
}

/// What a key is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// A profile's name.
    Name,
    Text,
    Dialect,
    Flag,
    /// Texts to look for in what a module says.
    Signs,
    /// Texts that are a whole line of a module.
    Lines,
    /// `{ bytes = 256, evidence = "manual" }`
    Figure(Unit),
}

/// What a figure is written in.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    Bytes {
        low: u64,
        high: u64,
    },
    Count {
        low: u64,
        high: u64,
    },
    Rate,
    /// More than nothing.
    TimeOut,
    /// May be nothing.
    Pause,
    Rule(&'static [&'static str]),
    /// What the module calls one of its ports.
    Port,
    /// And several.
    Ports,
}

impl Unit {
    /// Its key.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Unit::Bytes { .. } => "bytes",
            Unit::Count { .. } => "count",
            Unit::Rate => "bits_per_second",
            Unit::TimeOut | Unit::Pause => "seconds",
            Unit::Rule(_) => "rule",
            Unit::Port => "port",
            Unit::Ports => "ports",
        }
    }

    /// The lowest and the highest value. Of a time the lowest is what it has to be above, unless it may be nothing.
    pub(super) const fn range(self) -> (u64, u64) {
        match self {
            Unit::Bytes { low, high } | Unit::Count { low, high } => (low, high),
            Unit::Rate => (1, FASTEST),
            Unit::TimeOut => (0, DAY),
            Unit::Pause => (0, MINUTE),
            Unit::Rule(_) | Unit::Port | Unit::Ports => (0, 0),
        }
    }

    /// A figure as it is written.
    pub(super) fn example(self) -> String {
        let value = match self {
            Unit::Bytes { .. } => "256",
            Unit::Count { .. } => "1",
            Unit::Rate => "115200",
            Unit::TimeOut | Unit::Pause => "5",
            Unit::Port => "\"usbat\"",
            Unit::Ports => "[\"uart1\"]",
            Unit::Rule(words) => return format!("{{ rule = {:?}, evidence = \"manual\" }}", words[0]),
        };
        format!("{{ {} = {value}, evidence = \"manual\" }}", self.name())
    }
}

const fn required(name: &'static str, form: Form) -> Key {
    Key { name, is_required: true, form }
}

const fn optional(name: &'static str, form: Form) -> Key {
    Key { name, is_required: false, form }
}

const fn bytes(low: u64, high: u64) -> Form {
    Form::Figure(Unit::Bytes { low, high })
}

const fn count(low: u64, high: u64) -> Form {
    Form::Figure(Unit::Count { low, high })
}

const fn rule(words: &'static [&'static str]) -> Form {
    Form::Figure(Unit::Rule(words))
}

const TIME_OUT: Form = Form::Figure(Unit::TimeOut);
const PAUSE: Form = Form::Figure(Unit::Pause);

/// Every table, and every key in it.
pub(super) const TABLES: &[Table] = &[
    Table {
        name: "model",
        presence: Presence::Always,
        keys: &[
            required("name", Form::Name),
            required("vendor", Form::Text),
            required("dialect", Form::Dialect),
            required("identity", Form::Signs),
            optional("fallback", Form::Flag),
            required("restart_signs", Form::Signs),
            required("restart_lines", Form::Lines),
            required("power_down_lines", Form::Lines),
            optional("sleep_lines", Form::Lines),
        ],
    },
    Table {
        name: "limits",
        presence: Presence::Always,
        keys: &[
            // A connection's identifier is a byte.
            required("connections", count(1, 256)),
            required("host", bytes(1, TEXT)),
            required("client_id", bytes(1, TEXT)),
            required("username", bytes(0, TEXT)),
            required("password", bytes(0, TEXT)),
            required("topic", bytes(1, TEXT)),
            optional("inline_payload", bytes(1, PACKET)),
            optional("prompt_payload", bytes(1, PACKET)),
            required("will_payload", bytes(0, TEXT)),
            required("keep_alive", count(1, TEXT)),
        ],
    },
    Table {
        name: "timeouts",
        presence: Presence::Always,
        keys: &[
            required("command", TIME_OUT),
            required("prompt", TIME_OUT),
            required("sim", TIME_OUT),
            required("attach", TIME_OUT),
            required("open", TIME_OUT),
            required("connect", TIME_OUT),
            required("subscribe", TIME_OUT),
            required("publish", TIME_OUT),
            required("disconnect", TIME_OUT),
            required("close", TIME_OUT),
            required("write", TIME_OUT),
        ],
    },
    Table {
        name: LINE,
        presence: Presence::Always,
        keys: &[
            required("guard", PAUSE),
            required("prompt_guard", PAUSE),
            optional(WINDOW, count(1, 100)),
            optional("wake_after", TIME_OUT),
        ],
    },
    Table {
        name: "rules",
        presence: Presence::Always,
        keys: &[
            required("qos0_message_id", rule(&["zero", "any"])),
            required("pdp_context", count(0, 255)),
            required("baud", Form::Figure(Unit::Rate)),
        ],
    },
    Table {
        name: "tls",
        presence: Presence::Optional,
        keys: &[
            required("certificate", bytes(1, TEXT)),
            optional("name", bytes(1, TEXT)),
            required("handshake", TIME_OUT),
        ],
    },
    Table {
        name: "aliyun",
        presence: Presence::Optional,
        keys: &[
            required("text", bytes(1, TEXT)),
            optional("cloud", count(0, 255)),
            optional("data_type", count(0, 255)),
        ],
    },
    Table {
        name: "qmt",
        presence: Presence::Of("qmt"),
        keys: &[
            required("kind", rule(&[QmtKind::Nb.name(), QmtKind::Lte.name()])),
            required("data", rule(&[QmtData::Counted.name(), QmtData::Terminated.name()])),
        ],
    },
    Table {
        name: "cmqtt",
        presence: Presence::Of("cmqtt"),
        keys: &[
            required("kind", rule(&[CmqttKind::Staged.name(), CmqttKind::Arguments.name()])),
            required("version", rule(&[CmqttVersion::Argument.name(), CmqttVersion::Setting.name()])),
        ],
    },
    Table {
        name: "power_saving",
        presence: Presence::Optional,
        keys: &[required("edrx", rule(&[EdrxQuery::Cedrxrdp.name()])), optional("registration", count(4, 5))],
    },
    Table {
        name: "urc_port",
        presence: Presence::OptionalOf("qmt"),
        keys: &[
            required("setting", rule(&[UrcSetting::Qurccfg.name()])),
            required("serial", Form::Figure(Unit::Ports)),
            optional("factory", Form::Figure(Unit::Port)),
        ],
    },
];

/// The table of ports on USB: its keys are devices, and each is a figure with these parts besides its evidence.
pub(super) const USB: &str = "usb";
/// The parts. The first has to be there.
pub(super) const ROLES: [&str; 4] =
    [UsbRole::At.name(), UsbRole::Modem.name(), UsbRole::Diag.name(), UsbRole::Nmea.name()];
/// A device as it is written.
pub(super) const PORTS: &str = "{ at = 2, diag = 0, evidence = \"manual\" }";

/// The table whose figures are called by their key alone.
const LINE: &str = "line";

impl Table {
    /// What a figure of this table is called where figures are shown and set.
    pub(super) fn figure(&self, key: &str) -> String {
        if self.name == LINE { key.to_owned() } else { format!("{}.{key}", self.name) }
    }
}
