//! Which topics are a device's.

use super::names;

/// Bytes of a topic.
const TOPIC: usize = 128;

/// Slashes of a topic of the user's own; the system's have more.
const SLASHES: usize = 7;

pub(super) fn may_publish(device: &str, topic: &str) -> bool {
    let levels: Vec<_> = topic.split('/').collect();
    is_own(device, topic, &levels)
        || names(device).is_some_and(|(name, product)| match levels[..] {
            ["", "shadow", "update", pk, dn] | ["", "ota", "device", "inform" | "progress", pk, dn] => {
                pk == product && dn == name
            }
            _ => false,
        })
}

pub(super) fn may_subscribe(device: &str, filter: &str) -> bool {
    let levels: Vec<_> = filter.split('/').collect();
    is_own(device, filter, &levels)
        || names(device).is_some_and(|(name, product)| match levels[..] {
            ["", "shadow", "get", pk, dn] | ["", "ota", "device", "upgrade", pk, dn] => pk == product && dn == name,
            ["", "broadcast", pk, _, ..] => pk == product,
            _ => false,
        })
}

/// What a device may both publish and subscribe to. No wildcard stands for the names.
fn is_own(device: &str, topic: &str, levels: &[&str]) -> bool {
    let Some((name, product)) = names(device).filter(|_| topic.len() <= TOPIC) else {
        return false;
    };
    match *levels {
        ["", pk, dn, "user", _, ..] => pk == product && dn == name && levels.len() - 1 <= SLASHES,
        ["", "sys", pk, dn, _, ..]
        | ["", "ext", "ntp" | "session", pk, dn, _, ..]
        | ["", "ext", "rrpc", _, pk, dn, _, ..] => pk == product && dn == name,
        _ => false,
    }
}
