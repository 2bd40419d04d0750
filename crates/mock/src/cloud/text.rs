//! The texts that keys and signatures are written as.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

/// The key of a device is not written in Base64, as its cloud has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the key is not written in Base64")]
pub struct NotBase64;

pub(super) fn key(text: &str) -> Result<Vec<u8>, NotBase64> {
    base64(text).filter(|key| !key.is_empty()).ok_or(NotBase64)
}

pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// The bytes of lower-case hexadecimal digits.
pub(super) fn lower_hex(text: &str) -> Option<Vec<u8>> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) { None } else { hex::decode(text).ok() }
}

/// What `%2F` and its like stand for.
pub(super) fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    loop {
        rest = match rest {
            [] => return String::from_utf8(bytes).ok(),
            [b'%', high, low, rest @ ..] => {
                bytes.extend(hex::decode([*high, *low]).ok()?);
                rest
            }
            [b'%', ..] => return None,
            [byte, rest @ ..] => {
                bytes.push(*byte);
                rest
            }
        };
    }
}

/// `key=value&…`: the values of these keys, each of which has to be there once and none besides.
pub(super) fn fields<'a, const N: usize>(text: &'a str, keys: [&str; N]) -> Option<[&'a str; N]> {
    let given: Vec<_> = text.split('&').map(|pair| pair.split_once('=')).collect::<Option<_>>()?;
    let values = keys.map(|key| given.iter().find(|(name, _)| *name == key).map(|(_, value)| *value));
    if given.len() != N || values.iter().any(Option::is_none) {
        return None;
    }
    Some(values.map(Option::unwrap_or_default))
}
