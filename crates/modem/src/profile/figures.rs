//! A profile's figures, one after the other, to be shown.

use std::fmt;
use std::time::Duration;

use super::schema::WINDOW;
use super::{
    AliyunRules, CmqttRules, Evidence, Figure, MessageIdRule, PowerSavingRules, Profile, QmtRules, TlsRules, UrcPort,
    UsbPorts,
};

/// One figure, to be shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NamedFigure<'p> {
    /// Its name, dotted: `limits.topic`.
    pub name: &'p str,
    /// What it is.
    pub value: FigureValue<'p>,
    /// How it is known.
    pub evidence: Evidence,
    /// Where it is from.
    pub source: FigureSource,
}

/// Where a figure is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FigureSource {
    /// A shipped profile.
    Shipped,
    /// A profile that somebody else has written ([`Profile::parse`]).
    File,
    /// [`Overrides`](super::Overrides).
    Override,
}

/// What a figure is, in its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FigureValue<'p> {
    /// A length.
    Bytes(usize),
    /// A count.
    Count(u32),
    /// A time.
    Wait(Duration),
    /// A baud rate, in bits per second.
    Rate(u32),
    /// A rule.
    MessageId(MessageIdRule),
    /// A rule that only one dialect has, as its profiles write it; or what the module calls something.
    Word(&'p str),
    /// What the module calls several things.
    Words(&'p [Box<str>]),
    /// What the ports of a USB device are for.
    Ports(&'p UsbPorts),
}

impl fmt::Display for FigureValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FigureValue::Bytes(bytes) => write!(f, "{bytes} bytes"),
            FigureValue::Count(count) => write!(f, "{count}"),
            FigureValue::Wait(wait) => write!(f, "{} s", wait.as_secs_f64()),
            FigureValue::Rate(rate) => write!(f, "{rate} bit/s"),
            FigureValue::Word(word) => f.write_str(word),
            FigureValue::Words(words) => f.write_str(&words.join(", ")),
            FigureValue::Ports(ports) => ports.fmt(f),
            FigureValue::MessageId(MessageIdRule::Zero) => f.write_str("zero"),
            FigureValue::MessageId(MessageIdRule::Any) => f.write_str("any"),
        }
    }
}

/// A figure that is a time: its name, and where it stands in a profile.
pub(super) struct WaitFigure {
    pub(super) name: &'static str,
    of: fn(&Profile) -> Option<&Figure<Duration>>,
    pub(super) of_mut: fn(&mut Profile) -> Option<&mut Figure<Duration>>,
}

macro_rules! waits {
    ($($name:literal: $($field:ident).+,)*) => {
        &[
            $(WaitFigure {
                name: $name,
                of: |profile| Some(&profile.$($field).+),
                of_mut: |profile| Some(&mut profile.$($field).+),
            },)*
            WaitFigure {
                name: "wake_after",
                of: |profile| profile.pauses.wake_after.as_ref(),
                // Whichever module it is: somebody knows that it sleeps.
                of_mut: |profile| {
                    let never = Figure { value: Duration::ZERO, evidence: Evidence::Override };
                    Some(profile.pauses.wake_after.get_or_insert(never))
                },
            },
            WaitFigure {
                name: "tls.handshake",
                of: |profile| profile.tls.as_ref().map(|tls| &tls.handshake),
                of_mut: |profile| profile.tls.as_mut().map(|tls| &mut tls.handshake),
            },
        ]
    };
}

/// Every figure that is a time.
pub(super) const WAITS: &[WaitFigure] = waits! {
    "timeouts.command": timeouts.command,
    "timeouts.prompt": timeouts.prompt,
    "timeouts.sim": timeouts.sim,
    "timeouts.attach": timeouts.attach,
    "timeouts.open": timeouts.open,
    "timeouts.connect": timeouts.connect,
    "timeouts.subscribe": timeouts.subscribe,
    "timeouts.publish": timeouts.publish,
    "timeouts.disconnect": timeouts.disconnect,
    "timeouts.close": timeouts.close,
    "timeouts.write": timeouts.write,
    "guard": pauses.guard,
    "prompt_guard": pauses.prompt_guard,
};

impl Profile {
    /// Every figure of the profile, in the order of its file.
    #[must_use]
    pub fn figures(&self) -> Vec<NamedFigure<'_>> {
        let Profile { limits, rules, .. } = self;
        let mut figures = vec![
            count("limits.connections", limits.connections),
            bytes("limits.host", limits.host),
            bytes("limits.client_id", limits.client_id),
            bytes("limits.username", limits.username),
            bytes("limits.password", limits.password),
            bytes("limits.topic", limits.topic),
        ];
        figures.extend(limits.inline_payload.map(|figure| bytes("limits.inline_payload", figure)));
        figures.extend(limits.prompt_payload.map(|figure| bytes("limits.prompt_payload", figure)));
        figures.push(bytes("limits.will_payload", limits.will_payload));
        figures.push(count("limits.keep_alive", limits.keep_alive));
        figures.extend(WAITS.iter().filter_map(|wait| Some(named(wait.name, *(wait.of)(self)?, FigureValue::Wait))));
        figures.extend(self.pauses.window.map(|figure| count(WINDOW, figure)));
        figures.push(named("rules.qos0_message_id", rules.qos0_message_id, FigureValue::MessageId));
        figures.push(count("rules.pdp_context", rules.pdp_context));
        figures.push(named("rules.baud", rules.baud, FigureValue::Rate));
        if let Some(TlsRules { certificate, name, .. }) = &self.tls {
            figures.push(bytes("tls.certificate", *certificate));
            figures.extend(name.map(|figure| bytes("tls.name", figure)));
        }
        if let Some(AliyunRules { text, cloud, data_type }) = &self.aliyun {
            figures.push(bytes("aliyun.text", *text));
            figures.extend(cloud.map(|figure| count("aliyun.cloud", figure)));
            figures.extend(data_type.map(|figure| count("aliyun.data_type", figure)));
        }
        if let Some(QmtRules { kind, data }) = &self.qmt {
            figures.push(named("qmt.kind", *kind, |kind| FigureValue::Word(kind.name())));
            figures.push(named("qmt.data", *data, |data| FigureValue::Word(data.name())));
        }
        if let Some(CmqttRules { kind, version }) = &self.cmqtt {
            figures.push(named("cmqtt.kind", *kind, |kind| FigureValue::Word(kind.name())));
            figures.push(named("cmqtt.version", *version, |version| FigureValue::Word(version.name())));
        }
        if let Some(PowerSavingRules { edrx, registration }) = &self.power_saving {
            figures.push(named("power_saving.edrx", *edrx, |query| FigureValue::Word(query.name())));
            figures.extend(registration.map(|figure| count("power_saving.registration", figure)));
        }
        if let Some(UrcPort { setting, serial, factory }) = &self.urc_port {
            figures.push(named("urc_port.setting", *setting, |setting| FigureValue::Word(setting.name())));
            figures.push(told("urc_port.serial", serial.evidence, FigureValue::Words(&serial.value)));
            let factory = factory.as_ref();
            figures.extend(factory.map(|port| told("urc_port.factory", port.evidence, FigureValue::Word(&port.value))));
        }
        figures.extend(self.usb.iter().map(|ports| told(&ports.figure, ports.evidence, FigureValue::Ports(ports))));
        for figure in &mut figures {
            figure.source = match figure.evidence {
                Evidence::Override => FigureSource::Override,
                _ if self.own.contains(figure.name) => FigureSource::File,
                _ => FigureSource::Shipped,
            };
        }
        figures
    }
}

fn told<'p>(name: &'p str, evidence: Evidence, value: FigureValue<'p>) -> NamedFigure<'p> {
    NamedFigure { name, value, evidence, source: FigureSource::Shipped }
}

fn named<T>(name: &'static str, figure: Figure<T>, value: fn(T) -> FigureValue<'static>) -> NamedFigure<'static> {
    told(name, figure.evidence, value(figure.value))
}

fn bytes(name: &'static str, figure: Figure<usize>) -> NamedFigure<'static> {
    named(name, figure, FigureValue::Bytes)
}

fn count(name: &'static str, figure: Figure<u32>) -> NamedFigure<'static> {
    named(name, figure, FigureValue::Count)
}
