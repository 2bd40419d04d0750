//! What stands in the params of a request.

/// What a field of the params can be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    /// `file:PATH` or `env:NAME`.
    SecretReference,
    Flag,
    Qos,
    /// A whole number of seconds, of 16 bits.
    Keepalive,
    /// A whole number, not negative.
    Whole,
    /// A number of seconds, not negative.
    Seconds,
    Object(&'static [Field]),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) required: bool,
}

pub(super) const fn required(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: true }
}

pub(super) const fn optional(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, required: false }
}

pub(super) const WILL: &[Field] = &[
    required("topic", Kind::Text),
    optional("payload", Kind::Text),
    optional("qos", Kind::Qos),
    optional("retain", Kind::Flag),
];
