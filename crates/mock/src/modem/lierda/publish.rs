//! The arguments of `AT+LMQTTPUB` and the payload in its forms.

use super::{
    super::{
        answer::Cme,
        command::{Args, BadArgument},
        model::{MessageIdRule, Model},
    },
    config::Format,
};
use crate::mqtt::QoS;

/// Where a publish goes; its payload is taken by count, from the line or after the prompt.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::modem) struct Publish {
    pub(super) connection: u8,
    pub(super) message: u16,
    pub(super) qos: QoS,
    pub(super) retain: bool,
    pub(super) topic: Vec<u8>,
}

/// Where the payload is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Source {
    Inline(Vec<u8>),
    Prompt(usize),
}

/// `<id>,<msgid>,<qos>,<retain>,"<topic>",<len>[,"<payload>"]`, after the connection id.
pub(super) fn parse(connection: u8, mut args: Args<'_>, model: &Model) -> Result<(Publish, Source), Cme> {
    let message = args.number(0..=u16::MAX)?;
    let qos = QoS::from_level(args.number(0..=2)?).ok_or(Cme::NotAllowed)?;
    let retain = args.flag()?;
    let topic = args.quoted()?.to_vec();
    let length: usize = args.number(0..=u32::MAX)?.try_into().map_err(|_| Cme::NotAllowed)?;
    if !fits_rule(model.publish_id, message, qos) {
        return Err(Cme::NotAllowed);
    }
    let publish = Publish { connection, message, qos, retain, topic };
    if !args.is_empty() {
        if length > model.inline_payload {
            return Err(Cme::NotAllowed);
        }
        return Ok((publish, Source::Inline(inline(args.tail()?, length)?)));
    }
    match model.prompt_payload {
        Some(limit) if length <= limit => Ok((publish, Source::Prompt(length))),
        _ => Err(Cme::NotAllowed),
    }
}

fn fits_rule(rule: MessageIdRule, message: u16, qos: QoS) -> bool {
    match (rule, qos) {
        (MessageIdRule::ZeroForQos0, QoS::AtMostOnce) => message == 0,
        (MessageIdRule::ZeroForQos0 | MessageIdRule::NonZero, _) => message != 0,
    }
}

/// The payload as it stands on the line: the outer quotes go, nothing inside is escaped, and the count must fit. EC616 firmware then
/// takes it for a C string, so that what follows a NUL is lost.
fn inline(argument: &[u8], length: usize) -> Result<Vec<u8>, BadArgument> {
    let payload = match argument {
        [b'"', inner @ .., b'"'] => inner,
        [b'"', ..] => return Err(BadArgument),
        bare => bare,
    };
    if payload.len() != length {
        return Err(BadArgument);
    }
    let end = payload.iter().position(|&byte| byte == 0).unwrap_or(length);
    Ok(payload[..end].to_vec())
}

/// The bytes that the host meant, by the send format. That the count is of characters on the line in the hex formats is inferred.
pub(super) fn decode(format: Format, written: Vec<u8>) -> Result<Vec<u8>, Cme> {
    match format {
        Format::Text => Ok(written),
        Format::Hex(_) => {
            let (pairs, odd) = written.as_chunks::<2>();
            if !odd.is_empty() {
                return Err(Cme::NotAllowed);
            }
            pairs
                .iter()
                .map(|&[high, low]| Some(nibble(high)? << 4 | nibble(low)?))
                .collect::<Option<_>>()
                .ok_or(Cme::NotAllowed)
        }
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An argument, its count, and the payload.
    type Row<'a> = (&'a [u8], usize, Option<&'a [u8]>);

    #[test]
    fn an_inline_payload_is_taken_by_its_count() {
        let table: [Row<'_>; 11] = [
            (b"\"abcd\"", 4, Some(b"abcd")),
            (b"\"\"", 0, Some(b"")),
            (b"\"{\"a\":1,\"b\":\"c\"}\"", 15, Some(b"{\"a\":1,\"b\":\"c\"}")),
            (b"\"\"\"\"", 2, Some(b"\"\"")),
            (b"\"ab\0cd\"", 5, Some(b"ab")),
            (b"\"abc\"", 4, None),
            (b"\"abcde\"", 4, None),
            (b"\"abcd", 4, None),
            (b"\"", 0, None),
            (b"abcd", 4, Some(b"abcd")),
            (b"a\",\"", 4, Some(b"a\",\"")),
        ];
        for (argument, length, expected) in table {
            assert_eq!(inline(argument, length).ok().as_deref(), expected, "{argument:?}");
        }
    }

    #[test]
    fn hex_is_decoded() {
        assert_eq!(decode(Format::Hex(1), b"00fFa9".to_vec()), Ok(vec![0, 0xff, 0xa9]));
        assert_eq!(decode(Format::Hex(1), b"0".to_vec()), Err(Cme::NotAllowed));
        assert_eq!(decode(Format::Hex(2), b"0g".to_vec()), Err(Cme::NotAllowed));
        assert_eq!(decode(Format::Text, b"0g".to_vec()), Ok(b"0g".to_vec()));
    }
}
