//! A profile's figures, one after the other, to be shown.

use std::fmt;
use std::time::Duration;

use super::{Evidence, Figure, MessageIdRule, Profile};

/// One figure, to be shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NamedFigure {
    /// Its name, dotted: `limits.topic`.
    pub name: &'static str,
    /// What it is.
    pub value: FigureValue,
    /// How it is known.
    pub evidence: Evidence,
}

/// What a figure is, in its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FigureValue {
    /// A length.
    Bytes(usize),
    /// A count.
    Count(u32),
    /// A time.
    Wait(Duration),
    /// A rule.
    MessageId(MessageIdRule),
}

impl fmt::Display for FigureValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FigureValue::Bytes(bytes) => write!(f, "{bytes} bytes"),
            FigureValue::Count(count) => write!(f, "{count}"),
            FigureValue::Wait(wait) => write!(f, "{} s", wait.as_secs_f64()),
            FigureValue::MessageId(MessageIdRule::Zero) => f.write_str("zero"),
            FigureValue::MessageId(MessageIdRule::Any) => f.write_str("any"),
        }
    }
}

impl Profile {
    /// Every figure of the profile, in the order of its file.
    #[must_use]
    pub fn figures(&self) -> Vec<NamedFigure> {
        let Profile { limits, timeouts, pauses, rules, .. } = self;
        let mut figures = vec![
            count("limits.connections", limits.connections),
            bytes("limits.host", limits.host),
            bytes("limits.client_id", limits.client_id),
            bytes("limits.username", limits.username),
            bytes("limits.password", limits.password),
            bytes("limits.topic", limits.topic),
            bytes("limits.inline_payload", limits.inline_payload),
        ];
        figures.extend(limits.prompt_payload.map(|figure| bytes("limits.prompt_payload", figure)));
        figures.extend([
            bytes("limits.will_payload", limits.will_payload),
            count("limits.keep_alive", limits.keep_alive),
            wait("timeouts.command", timeouts.command),
            wait("timeouts.prompt", timeouts.prompt),
            wait("timeouts.sim", timeouts.sim),
            wait("timeouts.attach", timeouts.attach),
            wait("timeouts.open", timeouts.open),
            wait("timeouts.connect", timeouts.connect),
            wait("timeouts.subscribe", timeouts.subscribe),
            wait("timeouts.publish", timeouts.publish),
            wait("timeouts.disconnect", timeouts.disconnect),
            wait("timeouts.close", timeouts.close),
            wait("guard", pauses.guard),
            wait("prompt_guard", pauses.prompt_guard),
            named("rules.qos0_message_id", rules.qos0_message_id, FigureValue::MessageId),
            count("rules.pdp_context", rules.pdp_context),
        ]);
        figures
    }
}

fn named<T>(name: &'static str, figure: Figure<T>, value: fn(T) -> FigureValue) -> NamedFigure {
    NamedFigure { name, value: value(figure.value), evidence: figure.evidence }
}

fn bytes(name: &'static str, figure: Figure<usize>) -> NamedFigure {
    named(name, figure, FigureValue::Bytes)
}

fn count(name: &'static str, figure: Figure<u32>) -> NamedFigure {
    named(name, figure, FigureValue::Count)
}

fn wait(name: &'static str, figure: Figure<Duration>) -> NamedFigure {
    named(name, figure, FigureValue::Wait)
}
