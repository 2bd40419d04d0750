//! What nobody gets to see.

use std::fmt;

use serde::{Deserialize, Deserializer};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A key, a token or a password: shown as `***`, compared in constant time, wiped when it is dropped.
///
/// It may be any text; what a cloud takes is checked where it is used.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a secret. A `String` is moved, not copied.
    #[must_use]
    pub fn new(secret: impl Into<String>) -> Secret {
        Secret(Zeroizing::new(secret.into()))
    }

    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Its length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The parts, one behind the other.
    pub(crate) fn join(parts: &[&str]) -> Secret {
        // A string that grows leaves what it held so far behind.
        let mut joined = Zeroizing::new(String::with_capacity(parts.iter().map(|part| part.len()).sum()));
        for part in parts {
            joined.push_str(part);
        }
        Secret(joined)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Tells no more by its time than whether the lengths are equal.
impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        String::deserialize(deserializer).map(Secret::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_compared_and_not_shown() {
        let secret = Secret::join(&["hun", "ter2"]);
        assert_eq!((format!("{secret:?}"), format!("{secret:#?}")), ("***".to_owned(), "***".to_owned()));
        assert_eq!(secret, Secret::new("hunter2"));
        assert!(secret != Secret::new("hunter3") && secret != Secret::new("hunter") && secret != Secret::new(""));
    }
}
