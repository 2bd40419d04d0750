//! The client id, which says how a device signs in.

use crate::cloud::mac::{self, Check};

/// Characters before the bars of a client id.
const OWN: usize = 64;

/// `<cid>|key=value,…|`. Of the keys, in any order, those that matter; others are statistics.
pub(super) struct ClientId<'a> {
    pub(super) own: &'a str,
    pub(super) way: Way<'a>,
    pub(super) check: Check,
    /// 2 (TLS), 3 (TCP), or -2 (one type, one secret, of devices that nobody has entered).
    pub(super) mode: i8,
}

/// How it signs in: `authType`.
pub(super) enum Way<'a> {
    /// Signed with a secret of its own.
    Secret { timestamp: Option<&'a str> },
    /// With the token that it was given.
    Token,
    /// It wants to be registered, and has to have been entered before.
    Register { random: &'a str },
    /// It wants to be registered, although nobody has entered it.
    RegisterUnentered { random: &'a str },
}

impl<'a> ClientId<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (own, rest) = text.split_once('|')?;
        let tags = rest.strip_suffix('|')?;
        if own.is_empty() || own.chars().count() > OWN || tags.contains('|') {
            return None;
        }
        let tags: Vec<_> = tags.split(',').map(|tag| tag.split_once('=')).collect::<Option<_>>()?;
        let value = |key: &str| tags.iter().find(|(named, _)| *named == key).map(|(_, value)| *value);
        let way = match value("authType") {
            None => Way::Secret { timestamp: value("timestamp") },
            Some("connwl") => Way::Token,
            Some("register") => Way::Register { random: value("random")? },
            Some("regnwl") => Way::RegisterUnentered { random: value("random")? },
            Some(_) => return None,
        };
        Some(Self { own, way, check: check(value("signmethod"))?, mode: value("securemode")?.parse().ok()? })
    }
}

/// What a method is checked by, MD5 where none is named.
pub(super) fn check(method: Option<&str>) -> Option<Check> {
    match method {
        None | Some("hmacmd5") => Some(mac::md5),
        Some("hmacsha1") => Some(mac::sha1),
        Some("hmacsha256") => Some(mac::sha256),
        Some(_) => None,
    }
}
