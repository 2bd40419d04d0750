//! Why no sign-in can be made.

use std::fmt;

/// What a value looks like, without what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// How many characters it has.
    pub characters: usize,
    /// Where the first one is that cannot be in it, counted from 0.
    pub misfit: Option<usize>,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.characters {
            0 => f.write_str("no characters")?,
            1 => f.write_str("1 character")?,
            characters => write!(f, "{characters} characters")?,
        }
        self.misfit.map_or(Ok(()), |position| write!(f, ", and the one at position {position} cannot be in it"))
    }
}

/// Why no sign-in can be made of the fields. It names the field, the shape of its value and the rule, and no value that may be secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// A field is too short, too long, or has a character that cannot be in it.
    #[error("the {field} has {shape}; it takes {rule}")]
    Field {
        /// Which one, in the cloud's words.
        field: &'static str,
        /// What was given.
        shape: Shape,
        /// What it may be.
        rule: &'static str,
    },
    /// A field is not there, and nothing can stand in its place.
    #[error("the {field} is missing; it is {rule}")]
    Missing {
        /// Which one.
        field: &'static str,
        /// Where it comes from.
        rule: &'static str,
    },
    /// A number is out of range.
    #[error("the {field} is {value}; it is to be {low} to {high}")]
    Range {
        /// Which one, with its unit.
        field: &'static str,
        /// What was given.
        value: u64,
        /// The smallest.
        low: u64,
        /// The largest.
        high: u64,
    },
    /// A key is no Base64.
    #[error("the {field} has {characters} characters, and they are no Base64")]
    Base64 {
        /// Which one.
        field: &'static str,
        /// How many characters it has.
        characters: usize,
    },
    /// The cloud has no use for the way of signing.
    #[error("the sign method {method} is not one of this cloud: it takes {rule}")]
    SignMethod {
        /// What was given.
        method: &'static str,
        /// What it takes.
        rule: &'static str,
    },
    /// The clock has not been set, and the sign-in needs the time.
    #[error("the clock says {now} s since 1970, which is before 2024: it has not been set")]
    Clock {
        /// What it says, in seconds since 1970.
        now: u64,
    },
}

impl Invalid {
    /// A stable name for programs, dotted, in lower case.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Invalid::Field { .. } => "input.credential_field",
            Invalid::Missing { .. } => "input.credential_missing",
            Invalid::Range { .. } => "input.credential_range",
            Invalid::Base64 { .. } => "input.credential_base64",
            Invalid::SignMethod { .. } => "input.sign_method",
            Invalid::Clock { .. } => "input.clock",
        }
    }

    /// What to do about it, in a sentence; without a full stop.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Invalid::Field { .. } | Invalid::Base64 { .. } => "copy it from the cloud's console as it stands there",
            Invalid::Missing { .. } | Invalid::Range { .. } => return None,
            Invalid::SignMethod { .. } => "use another sign method, or leave it out",
            Invalid::Clock { .. } => {
                "set the clock (from the network, for instance), or give the moment when the sign-in expires"
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_field_shape_and_rule() {
        let shape = Shape { characters: 3, misfit: Some(1) };
        let invalid = Invalid::Field { field: "device name", shape, rule: "4 to 32 letters" };
        let says =
            "the device name has 3 characters, and the one at position 1 cannot be in it; it takes 4 to 32 letters";
        assert_eq!(invalid.to_string(), says);
        assert_eq!(Shape { characters: 0, misfit: None }.to_string(), "no characters");
    }
}
