//! What the signatures of clouds are made of.

use hmac::digest::InvalidLength;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::Sha256;

/// Whether `code` is the message's authentication code under `key`.
pub(super) type Check = fn(key: &[u8], message: &[u8], code: &[u8]) -> bool;

pub(super) fn md5(key: &[u8], message: &[u8], code: &[u8]) -> bool {
    check(Hmac::<Md5>::new_from_slice(key), message, code)
}

pub(super) fn sha1(key: &[u8], message: &[u8], code: &[u8]) -> bool {
    check(Hmac::<Sha1>::new_from_slice(key), message, code)
}

pub(super) fn sha256(key: &[u8], message: &[u8], code: &[u8]) -> bool {
    check(Hmac::<Sha256>::new_from_slice(key), message, code)
}

/// A key of any length is one: no HMAC refuses it.
fn check<M: Mac>(mac: Result<M, InvalidLength>, message: &[u8], code: &[u8]) -> bool {
    mac.is_ok_and(|mac| mac.chain_update(message).verify_slice(code).is_ok())
}

/// The authentication code of a message, for what a cloud makes up.
pub(super) fn sha256_of(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(key).map(|mac| mac.chain_update(message));
    mac.map(|mac| mac.finalize().into_bytes().to_vec()).unwrap_or_default()
}
