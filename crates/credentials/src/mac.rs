//! Hashes, message authentication codes, and the texts that they are sent as.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::invalid::Invalid;
use crate::secret::Secret;

/// How a sign-in is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignMethod {
    /// HMAC-MD5
    HmacMd5,
    /// HMAC-SHA1
    HmacSha1,
    /// HMAC-SHA256
    HmacSha256,
}

/// The name is that of no sign method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("that is no sign method: there are hmacmd5, hmacsha1 and hmacsha256")]
pub struct UnknownSignMethod;

impl SignMethod {
    /// `hmacmd5`, `hmacsha1` or `hmacsha256`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            SignMethod::HmacMd5 => "hmacmd5",
            SignMethod::HmacSha1 => "hmacsha1",
            SignMethod::HmacSha256 => "hmacsha256",
        }
    }

    /// `md5`, `sha1` or `sha256`.
    pub(crate) fn hash_name(self) -> &'static str {
        match self {
            SignMethod::HmacMd5 => "md5",
            SignMethod::HmacSha1 => "sha1",
            SignMethod::HmacSha256 => "sha256",
        }
    }

    pub(crate) fn mac(self, key: &[u8], message: &str) -> Code {
        self.mac_of_bytes(key, message.as_bytes())
    }

    pub(crate) fn mac_of_bytes(self, key: &[u8], message: &[u8]) -> Code {
        match self {
            SignMethod::HmacMd5 => code::<Hmac<Md5>>(key, message),
            SignMethod::HmacSha1 => code::<Hmac<Sha1>>(key, message),
            SignMethod::HmacSha256 => code::<Hmac<Sha256>>(key, message),
        }
    }

    /// The hash alone, without a key.
    pub(crate) fn hash(self, message: &str) -> Code {
        let message = message.as_bytes();
        Code(Zeroizing::new(match self {
            SignMethod::HmacMd5 => Md5::digest(message).to_vec(),
            SignMethod::HmacSha1 => Sha1::digest(message).to_vec(),
            SignMethod::HmacSha256 => Sha256::digest(message).to_vec(),
        }))
    }
}

impl fmt::Display for SignMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for SignMethod {
    type Err = UnknownSignMethod;

    fn from_str(name: &str) -> Result<SignMethod, UnknownSignMethod> {
        let all = [SignMethod::HmacMd5, SignMethod::HmacSha1, SignMethod::HmacSha256];
        all.into_iter().find(|method| method.name() == name).ok_or(UnknownSignMethod)
    }
}

fn code<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Code {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message);
    Code(Zeroizing::new(mac.finalize().into_bytes().to_vec()))
}

/// A code or a hash as bytes; it may have zeros in it, and is a key itself at times.
pub(crate) struct Code(Zeroizing<Vec<u8>>);

impl Code {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// In lower case.
    pub(crate) fn hex(&self) -> Secret {
        Secret::new(hex::encode(&*self.0))
    }

    pub(crate) fn base64(&self) -> Secret {
        base64(&self.0)
    }

    /// For URLs, without padding.
    pub(crate) fn base64url(&self) -> Secret {
        Secret::new(URL_SAFE_NO_PAD.encode(&*self.0))
    }
}

/// With padding.
pub(crate) fn base64(bytes: &[u8]) -> Secret {
    Secret::new(STANDARD.encode(bytes))
}

/// For URLs, without padding.
pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// With padding or, as some consoles show it, without.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The bytes of a key that is written in Base64.
pub(crate) fn decode_key(field: &'static str, key: &Secret) -> Result<Zeroizing<Vec<u8>>, Invalid> {
    let not = || Invalid::Base64 { field, characters: key.expose().chars().count() };
    let bytes = Zeroizing::new(LENIENT.decode(key.expose()).map_err(|_| not())?);
    // Every key signs, the empty one too, which everybody has.
    if bytes.is_empty() { Err(not()) } else { Ok(bytes) }
}

/// Percent-encoding of everything but letters, digits and `- _ . ~` (RFC 3986, 2.3), in upper case.
pub(crate) fn percent(text: &str) -> Secret {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = Zeroizing::new(String::with_capacity(3 * text.len()));
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(char::from(DIGITS[usize::from(byte >> 4)]));
            encoded.push(char::from(DIGITS[usize::from(byte & 0xf)]));
        }
    }
    Secret::join(&[&encoded])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encoding() {
        assert_eq!(percent("a/b+c=d~e ä").expose(), "a%2Fb%2Bc%3Dd~e%20%C3%A4");
    }

    #[test]
    fn keys_with_padding_and_without() {
        for (text, bytes) in
            [("AAE=", Some(&[0, 1][..])), ("AAE", Some(&[0, 1])), ("", None), ("a b", None), ("=", None)]
        {
            let decoded = decode_key("key", &Secret::new(text)).ok();
            assert_eq!(decoded.as_ref().map(|bytes| bytes.as_slice()), bytes, "{text}");
        }
    }

    #[test]
    fn names_of_methods() {
        for name in ["hmacmd5", "hmacsha1", "hmacsha256"] {
            assert_eq!(name.parse::<SignMethod>().unwrap().to_string(), name);
        }
        assert_eq!("sha256".parse::<SignMethod>(), Err(UnknownSignMethod));
    }
}
