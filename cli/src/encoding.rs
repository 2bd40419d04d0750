//! Bytes as text and back: hexadecimal, and Base64 (RFC 4648, section 4).

/// Reads pairs of hexadecimal digits; white space between pairs is fine.
pub(crate) fn from_hex(text: &[u8]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut first = None;
    for (position, &character) in text.iter().enumerate() {
        if character.is_ascii_whitespace() && first.is_none() {
            continue;
        }
        let digit = char::from(character).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let digit = digit.ok_or_else(|| format!("byte {position} is no hexadecimal digit"))?;
        match first.take() {
            None => first = Some(digit),
            Some(high) => bytes.push(high << 4 | digit),
        }
    }
    match first {
        None => Ok(bytes),
        Some(_) => Err("hexadecimal digits come in pairs, and the last one is alone".to_owned()),
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Writes Base64 with padding.
pub(crate) fn to_base64(bytes: &[u8]) -> String {
    let sextet = |group: u32, shift: u32| char::from(ALPHABET[(group >> shift & 63) as usize]);
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or_default());
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        text.push(sextet(group, 18));
        text.push(sextet(group, 12));
        text.push(if chunk.len() > 1 { sextet(group, 6) } else { '=' });
        text.push(if chunk.len() > 2 { sextet(group, 0) } else { '=' });
    }
    text
}

/// Reads Base64 with padding; white space is fine, since long Base64 is wrapped. Bits that padding leaves over must be zero,
/// so that no two texts mean the same bytes.
pub(crate) fn from_base64(text: &[u8]) -> Result<Vec<u8>, String> {
    let text: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    if !text.len().is_multiple_of(4) {
        return Err(format!("Base64 comes in groups of four characters, and these are {}", text.len()));
    }
    let padding = text.iter().rev().take(2).take_while(|&&byte| byte == b'=').count();
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut group, mut bits) = (0_u32, 0);
    for (position, &character) in text[..text.len() - padding].iter().enumerate() {
        let sextet = ALPHABET.iter().zip(0_u32..).find_map(|(&known, value)| (known == character).then_some(value));
        group = group << 6 | sextet.ok_or_else(|| format!("character {position} is not of the Base64 alphabet"))?;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((group >> bits & 0xff) as u8);
        }
    }
    if group & ((1 << bits) - 1) != 0 {
        return Err("the last Base64 character has bits that mean nothing".to_owned());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal() {
        for (text, expected) in [("", &b""[..]), ("00ff", b"\x00\xff"), ("DEad be EF\n", b"\xde\xad\xbe\xef")] {
            assert_eq!(from_hex(text.as_bytes()).as_deref(), Ok(expected), "{text}");
        }
        for text in ["0", "0 0", "0g", "0x00", "ä0", "000"] {
            assert!(from_hex(text.as_bytes()).is_err(), "{text}");
        }
    }

    /// The test vectors of RFC 4648, section 10, and bytes outside of text.
    #[test]
    fn base64() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg=="),
            (b"fo", "Zm8="),
            (b"foo", "Zm9v"),
            (b"foob", "Zm9vYg=="),
            (b"fooba", "Zm9vYmE="),
            (b"foobar", "Zm9vYmFy"),
            (b"\xff\xfe\xfb", "//77"),
            (b"\0\0\0", "AAAA"),
        ] {
            assert_eq!(to_base64(bytes), text);
            assert_eq!(from_base64(text.as_bytes()).as_deref(), Ok(bytes), "{text}");
        }
        assert_eq!(from_base64(b" Zm9v\r\nYg==\n").as_deref(), Ok(&b"foob"[..]));
        for text in ["Z", "Zg", "Zg=", "Zg===", "====", "Z===", "=Zg=", "Zg==Zg==", "Zm9!", "Zh==", "Zm9=", "-_AA"] {
            assert!(from_base64(text.as_bytes()).is_err(), "{text}");
        }
    }
}
