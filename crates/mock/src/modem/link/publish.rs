//! Where a publish goes, and the forms in which payloads stand on the line.

use super::completion::Completion;
use crate::{modem::command::BadArgument, mqtt::QoS};

/// Where a publish goes; its payload comes from the line or after the prompt.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::modem) struct Publish {
    pub(in crate::modem) of: Completion,
    pub(in crate::modem) qos: QoS,
    pub(in crate::modem) retain: bool,
    pub(in crate::modem) topic: Vec<u8>,
}

/// The payload as it stands on the line: the outer quotes go, nothing inside is escaped.
pub(in crate::modem) fn quoted_payload(argument: &[u8]) -> Result<&[u8], BadArgument> {
    match argument {
        [b'"', inner @ .., b'"'] => Ok(inner),
        [b'"', ..] => Err(BadArgument),
        bare => Ok(bare),
    }
}

/// What is left of bytes that are taken for a C string.
pub(in crate::modem) fn up_to_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// The bytes that the digits mean; `None`: they are not all digits, or not even in number.
pub(in crate::modem) fn decode_hex(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, odd) = digits.as_chunks::<2>();
    if !odd.is_empty() {
        return None;
    }
    pairs.iter().map(|&[high, low]| Some(nibble(high)? << 4 | nibble(low)?)).collect()
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Two upper-case digits for each byte.
pub(in crate::modem) fn encode_hex(bytes: &[u8]) -> Vec<u8> {
    let digit = |nibble: u8| b"0123456789ABCDEF"[usize::from(nibble)];
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_decoded() {
        assert_eq!(decode_hex(b"00fFa9"), Some(vec![0, 0xff, 0xa9]));
        assert_eq!(decode_hex(b"0"), None);
        assert_eq!(decode_hex(b"0g"), None);
        assert_eq!(encode_hex(&[0, 0xff, 0xa9]), b"00FFA9");
    }
}
