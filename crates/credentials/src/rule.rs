//! What a field may be.

use crate::invalid::{Invalid, Shape};
use crate::secret::Secret;

/// What may stand in a field, and how the error says it.
pub(crate) struct Rule {
    field: &'static str,
    low: usize,
    high: usize,
    allowed: fn(char) -> bool,
    says: &'static str,
}

impl Rule {
    /// A field of `low` to `high` characters, each of them `allowed`.
    pub(crate) const fn new(
        field: &'static str,
        low: usize,
        high: usize,
        allowed: fn(char) -> bool,
        says: &'static str,
    ) -> Rule {
        Rule { field, low, high, allowed, says }
    }

    pub(crate) fn check(&self, value: &str) -> Result<(), Invalid> {
        let characters = value.chars().count();
        let misfit = value.chars().position(|character| !(self.allowed)(character));
        if misfit.is_none() && (self.low..=self.high).contains(&characters) {
            return Ok(());
        }
        Err(Invalid::Field { field: self.field, shape: Shape { characters, misfit }, rule: self.says })
    }

    pub(crate) fn check_secret(&self, value: &Secret) -> Result<(), Invalid> {
        self.check(value.expose())
    }
}

/// A letter or a digit of ASCII.
pub(crate) fn is_alphanumeric(character: char) -> bool {
    character.is_ascii_alphanumeric()
}

/// What names of devices are made of in most clouds. None of it separates anything.
pub(crate) fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.' | ':' | '@')
}

/// A letter, a digit, `-` or `_`.
pub(crate) fn is_identifier(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_')
}

/// What can be seen, in ASCII, without a blank or a double quote: an AT command could carry no more.
pub(crate) fn is_visible(character: char) -> bool {
    character.is_ascii_graphic() && character != '"'
}

/// What a key is made of that is written in Base64.
pub(crate) fn is_base64(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '+' | '/' | '=')
}

fn is_host(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_' | ':')
}

fn is_region(character: char) -> bool {
    character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-'
}

pub(crate) const HOST: Rule =
    Rule::new("host", 1, 253, is_host, "a name or an address of 1 to 253 letters, digits and . - _ :");
pub(crate) const REGION: Rule =
    Rule::new("region", 2, 32, is_region, "2 to 32 small letters, digits and -, such as cn-shanghai");

/// Holds a number against its range.
pub(crate) fn range(field: &'static str, value: u64, low: u64, high: u64) -> Result<(), Invalid> {
    if (low..=high).contains(&value) { Ok(()) } else { Err(Invalid::Range { field, value, low, high }) }
}

/// Where a cloud is reached, as far as somebody has said so.
#[derive(Debug, Clone, Default)]
pub(crate) struct Endpoint {
    pub(crate) host: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) tls: bool,
}

impl Endpoint {
    /// Host, port and TLS, with the cloud's own where nothing was said.
    pub(crate) fn resolve(
        &self,
        host: impl FnOnce() -> Result<String, Invalid>,
        plain: u16,
        tls: u16,
    ) -> Result<(String, u16, bool), Invalid> {
        let host = self.host.clone().map_or_else(host, Ok)?;
        HOST.check(&host)?;
        let port = self.port.unwrap_or(if self.tls { tls } else { plain });
        range("port", port.into(), 1, u16::MAX.into())?;
        Ok((host, port, self.tls))
    }
}

/// The setters of an [`Endpoint`]: `host` and `port`, and, with `tls` as its argument, that too.
macro_rules! endpoint_setters {
    () => {
        /// Another host than the cloud's usual one.
        #[must_use]
        pub fn host(mut self, host: impl Into<String>) -> Self {
            self.endpoint.host = Some(host.into());
            self
        }

        /// Another TCP port than the cloud's usual one, 1 to 65535.
        #[must_use]
        pub fn port(mut self, port: u16) -> Self {
            self.endpoint.port = Some(port);
            self
        }
    };
    (tls) => {
        endpoint_setters!();

        /// Whether the connection is to be TLS; it is plain TCP otherwise.
        #[must_use]
        pub fn tls(mut self, tls: bool) -> Self {
            self.endpoint.tls = tls;
            self
        }
    };
}
pub(crate) use endpoint_setters;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_held_against_length_and_characters() {
        let rule = Rule::new("name", 2, 4, is_alphanumeric, "2 to 4 letters and digits");
        for value in ["ab", "a1B2"] {
            assert_eq!(rule.check(value), Ok(()));
        }
        for (value, characters, misfit) in
            [("", 0, None), ("a", 1, None), ("abcde", 5, None), ("a&b", 3, Some(1)), ("ä", 1, Some(0))]
        {
            let shape = Shape { characters, misfit };
            let expected = Invalid::Field { field: "name", shape, rule: "2 to 4 letters and digits" };
            assert_eq!(rule.check(value), Err(expected), "{value}");
        }
    }

    #[test]
    fn an_endpoint_has_the_port_of_its_transport_unless_another_was_named() {
        let cloud = || Ok("cloud.example".to_owned());
        let of = |host: Option<&str>, port, tls| {
            Endpoint { host: host.map(str::to_owned), port, tls }.resolve(cloud, 1883, 8883)
        };
        assert_eq!(of(None, None, false), Ok(("cloud.example".to_owned(), 1883, false)));
        assert_eq!(of(None, None, true), Ok(("cloud.example".to_owned(), 8883, true)));
        assert_eq!(of(Some("a"), Some(1), true), Ok(("a".to_owned(), 1, true)));
        assert!(of(Some("a/b"), None, false).is_err() && of(None, Some(0), false).is_err());
    }
}
