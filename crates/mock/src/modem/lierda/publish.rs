//! The arguments of `AT+LMQTTPUB` and the payload in its forms.

use super::{
    super::{
        cme::Cme,
        command::{Args, BadArgument},
        link::{Publish, decode_hex, quoted_payload, up_to_nul},
        options::{ModemOptions, Step},
    },
    completion,
    config::Format,
};
use crate::mqtt::QoS;

/// Where the payload is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Source {
    Inline(Vec<u8>),
    Prompt(usize),
}

/// `<id>,<msgid>,<qos>,<retain>,"<topic>",<len>[,"<payload>"]`, after the connection id.
pub(super) fn parse(connection: u8, mut args: Args<'_>, options: &ModemOptions) -> Result<(Publish, Source), Cme> {
    let model = &options.model;
    let message = args.number(0..=u16::MAX)?;
    let qos = QoS::from_level(args.number(0..=2)?).ok_or(Cme::NotAllowed)?;
    let retain = args.flag()?;
    let topic = args.quoted()?.to_vec();
    let length: usize = args.number(0..=u32::MAX)?.try_into().map_err(|_| Cme::NotAllowed)?;
    if !model.publish_id.allows(message, qos.level()) {
        return Err(Cme::NotAllowed);
    }
    let of = completion(connection, Step::Publish, message, options);
    let publish = Publish { of, qos, retain, topic };
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

/// The payload as it stands on the line: the outer quotes go, nothing inside is escaped, and the count must fit. EC616 firmware then
/// takes it for a C string, so that what follows a NUL is lost.
fn inline(argument: &[u8], length: usize) -> Result<Vec<u8>, BadArgument> {
    let payload = quoted_payload(argument)?;
    if payload.len() != length {
        return Err(BadArgument);
    }
    Ok(up_to_nul(payload).to_vec())
}

/// The bytes that the host meant, by the send format. That the count is of characters on the line in the hex formats is inferred.
pub(super) fn decode(format: Format, written: Vec<u8>) -> Result<Vec<u8>, Cme> {
    match format {
        Format::Text => Ok(written),
        Format::Hex(_) => decode_hex(&written).ok_or(Cme::NotAllowed),
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
    fn a_payload_is_decoded_as_its_format_says() {
        assert_eq!(decode(Format::Hex(1), b"00fFa9".to_vec()), Ok(vec![0, 0xff, 0xa9]));
        assert_eq!(decode(Format::Hex(2), b"0g".to_vec()), Err(Cme::NotAllowed));
        assert_eq!(decode(Format::Text, b"0g".to_vec()), Ok(b"0g".to_vec()));
    }
}
