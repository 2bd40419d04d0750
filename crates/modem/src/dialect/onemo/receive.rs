//! `+MQTTURC: "<word>",<id>,…`: messages, states of the connection, and what has come of packets that nobody waits for any more.

use atmqtt_at::{BodyPlace, BodyRule, Fields, LineRef, Malformed, MalformedKind};

use crate::dialect::{Notice, Part};
use crate::fault::LinkLoss;
use crate::message::{Framing, Incoming};

/// `"publish",<id>,<message id>,"<topic>",<total>,<length>,<payload>`, without quotes; with a blank behind the colon, and without.
pub(super) const COUNTED: &[BodyRule] = &[
    BodyRule { prefix: "+MQTTURC: \"publish\",", fields: 4, place: BodyPlace::SameLine },
    BodyRule { prefix: "+MQTTURC:\"publish\",", fields: 4, place: BodyPlace::SameLine },
];

/// Reads the arguments behind the connection identifier.
type Read = fn(Fields<'_>) -> Result<Notice, Malformed>;

const WORDS: [(&str, Read); 11] = [
    ("publish", received),
    ("conn", state),
    // The module keeps messages for itself only where it is told to.
    ("pubnmi", |mut fields| Ok(Notice::MessageHeld { packet_id: fields.optional_int()? })),
    ("drop", |mut fields| Ok(Notice::MessageDropped { bytes: fields.int()? })),
    ("puback", late_result),
    ("pubcomp", late_result),
    ("timeout", late_result),
    // Only where an earlier host has asked for it.
    ("pingresp", |_| Ok(Notice::Nothing)),
    ("pubrec", |_| Ok(Notice::Nothing)),
    ("suback", |_| Ok(Notice::Nothing)),
    ("unsuback", |_| Ok(Notice::Nothing)),
];

/// What a line says; a line of an unknown form, or about another connection than this one, is not the dialect's.
pub(super) fn notice(line: LineRef<'_>, connection: Option<u8>) -> Option<Notice> {
    let mut fields = line.information("+MQTTURC")?;
    let word = fields.text().ok()?;
    let (_, read) = WORDS.iter().find(|(known, _)| *known == word)?;
    let about = fields.int().ok()?;
    let notice = read(fields).ok()?;
    connection.is_none_or(|connection| connection == about).then_some(notice)
}

/// `<message id>,"<topic>",<total>,<length>,<payload>`: whole, or a piece of it.
fn received(mut fields: Fields<'_>) -> Result<Notice, Malformed> {
    let missing = || Malformed::line(MalformedKind::Missing);
    let packet_id = fields.int()?;
    let topic = String::from_utf8_lossy(fields.bytes().ok_or_else(missing)?).into_owned();
    let total = fields.int()?;
    let payload = fields.body().ok_or_else(missing)?.to_vec();
    Ok(if payload.len() == total {
        Notice::Message(Incoming::new(topic, payload, Framing::Counted).with_packet_id(packet_id))
    } else {
        Notice::MessagePart(Part::Chunk { packet_id, topic, total, payload })
    })
}

/// `<state>`
fn state(mut fields: Fields<'_>) -> Result<Notice, Malformed> {
    let code = fields.int()?;
    let meaning = match code {
        0 => return Ok(Notice::SignedIn),
        // Whether its subscriptions come back with it is not known.
        1 => "the module has lost the connection, and tries by itself to connect again",
        2 => "the connection was closed on request",
        3 => "the broker refused the sign-in",
        4 => "the broker closed the connection",
        5 => "the broker did not answer a ping",
        6 => "the packet network is gone",
        _ => "the module reports a state that is not listed",
    };
    Ok(Notice::LinkLost(LinkLoss::vendor(code, None, meaning)))
}

/// `<message id>`
fn late_result(mut fields: Fields<'_>) -> Result<Notice, Malformed> {
    Ok(Notice::LateResult { message_id: fields.int()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use atmqtt_at::{Expected, Reader, ReaderLimits, Token};

    fn read(bytes: &str) -> Option<Notice> {
        let mut reader = Reader::new(ReaderLimits::default());
        reader.expect_bodies(COUNTED);
        reader.push(format!("\r\n{bytes}\r\n").as_bytes());
        match reader.next(Expected::default()) {
            Some(Token::Line { line, .. }) => notice(line, Some(0)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn messages_and_pieces() {
        let whole = |payload: &str, id| {
            let message = Incoming::new("a,b".to_owned(), payload.as_bytes().to_vec(), Framing::Counted);
            Some(Notice::Message(message.with_packet_id(id)))
        };
        let piece = Part::Chunk { packet_id: 7, topic: "t".to_owned(), total: 9, payload: b"a\r\nb".to_vec() };
        for (line, expected) in [
            ("+MQTTURC: \"publish\",0,7,\"a,b\",6,6,\r\nOK\r\n", whole("\r\nOK\r\n", 7)),
            ("+MQTTURC:\"publish\",0,0,\"a,b\",1,1,\"", whole("\"", 0)),
            ("+MQTTURC: \"publish\",0,0,\"a,b\",0,0,", whole("", 0)),
            ("+MQTTURC: \"publish\",0,7,\"t\",9,4,a\r\nb", Some(Notice::MessagePart(piece))),
        ] {
            assert_eq!(read(line), expected, "{line}");
        }
    }

    #[test]
    fn other_lines() {
        let lost = |code, meaning| Some(Notice::LinkLost(LinkLoss::vendor(code, None, meaning)));
        for (line, expected) in [
            ("+MQTTURC: \"conn\",0,0", Some(Notice::SignedIn)),
            ("+MQTTURC: \"conn\",0,4", lost(4, "the broker closed the connection")),
            ("+MQTTURC: \"conn\",0,255", lost(255, "the module reports a state that is not listed")),
            ("+MQTTURC: \"puback\",0,7,0", Some(Notice::LateResult { message_id: 7 })),
            ("+MQTTURC: \"pubrec\",0,7", Some(Notice::Nothing)),
            ("+MQTTURC: \"pubnmi\",0,7,12", Some(Notice::MessageHeld { packet_id: Some(7) })),
            ("+MQTTURC: \"drop\",0,12", Some(Notice::MessageDropped { bytes: 12 })),
            ("+MQTTURC: \"conn\",1,4", None),
            ("+MQTTURC: \"what\",0,4", None),
            ("+MQTTUTC: \"conn\",0,4", None),
        ] {
            assert_eq!(read(line), expected, "{line}");
        }
    }
}
