//! `+QMTRECV`, `+QMTSTAT`, `+QMTPING`.

use atmqtt_at::{BodyPlace, BodyRule, Fields, LineRef, Malformed, MalformedKind};

use crate::dialect::{Notice, payload};
use crate::fault::LinkLoss;
use crate::message::Incoming;

/// Where a length was asked for: `<id>,<message id>,"<topic>",<length>,<payload>`, the payload with quotes or without.
pub(super) const COUNTED: &[BodyRule] = &[BodyRule { prefix: "+QMTRECV:", fields: 3, place: BodyPlace::SameLine }];

/// Reads the arguments behind the connection identifier.
type Read = fn(Fields<'_>) -> Result<Notice, Malformed>;

const LINES: [(&str, Read); 6] = [
    ("+QMTRECV", received),
    ("+QMTSTAT", status),
    // The broker has not answered a ping; if it stays so, a status follows.
    ("+QMTPING", |_| Ok(Notice::Nothing)),
    ("+QMTPUBREL", |_| Ok(Notice::Nothing)),
    ("+QMTPUB", late_result),
    ("+QMTPUBEX", late_result),
];

/// What a line says; a line of an unknown form, or about another connection than this one, is not the dialect's.
pub(super) fn notice(line: LineRef<'_>, connection: Option<u8>) -> Option<Notice> {
    LINES.iter().find_map(|(name, read)| {
        let mut fields = line.information(name)?;
        let about = fields.int().ok()?;
        let notice = read(fields).ok()?;
        connection.is_none_or(|connection| connection == about).then_some(notice)
    })
}

/// A message, or, with one argument alone, the number of the slot in which the module keeps one.
fn received(fields: Fields<'_>) -> Result<Notice, Malformed> {
    let mut slot = fields;
    if let (Ok(slot), None) = (slot.int(), slot.remainder()) {
        return Ok(Notice::MessageStored { slot });
    }
    message(fields).map(Notice::Message)
}

/// `<message id>,"<topic>",[<length>,]<payload>`
pub(super) fn message(mut fields: Fields<'_>) -> Result<Incoming, Malformed> {
    let packet_id = fields.int()?;
    let topic = fields.bytes().ok_or(Malformed::line(MalformedKind::Missing))?;
    let (payload, framing) = payload(fields)?;
    let topic = String::from_utf8_lossy(topic).into_owned();
    Ok(Incoming::new(topic, payload, framing).with_packet_id(packet_id))
}

/// `<status>`: the connection is gone after any of them.
fn status(mut fields: Fields<'_>) -> Result<Notice, Malformed> {
    let code = fields.int()?;
    let known = STATUS.iter().find(|(known, _)| *known == code);
    let meaning = known.map_or("the module reports a status that is not listed", |(_, meaning)| *meaning);
    Ok(Notice::LinkLost(LinkLoss::vendor(code, None, meaning)))
}

/// BC660K-GL&BC950K-GL MQTT Application Note; 8 is of newer firmware of the LTE kind, as others quote it.
const STATUS: &[(i32, &str)] = &[
    (1, "the broker closed or reset the connection"),
    (2, "the broker did not answer a ping"),
    (3, "the sign-in could not be sent"),
    (4, "the broker did not answer the sign-in"),
    (5, "the connection was closed on request"),
    (6, "the module gave up after packets could not be sent"),
    (7, "the link is dead, or the broker cannot be reached"),
    (8, "the module closed the connection"),
];

/// `<message id>,<result>[,…]`, when nobody waits for it any more. Result 1 is not the last word.
fn late_result(mut fields: Fields<'_>) -> Result<Notice, Malformed> {
    let message_id = fields.int()?;
    Ok(if fields.int::<i32>()? == 1 { Notice::Nothing } else { Notice::LateResult { message_id } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Framing;
    use atmqtt_at::{Expected, Reader, ReaderLimits, Token};

    /// What is made of the first line of `bytes`.
    fn read(bytes: &str, bodies: &'static [BodyRule]) -> Option<Notice> {
        let mut reader = Reader::new(ReaderLimits::default());
        reader.expect_bodies(bodies);
        reader.push(format!("\r\n{bytes}\r\n").as_bytes());
        match reader.next(Expected::default()) {
            Some(Token::Line { line, .. }) => notice(line, Some(0)),
            other => panic!("{other:?}"),
        }
    }

    fn message(topic: &str, payload: &str, packet_id: u16, framing: Framing) -> Option<Notice> {
        let message = Incoming::new(topic.to_owned(), payload.as_bytes().to_vec(), framing);
        Some(Notice::Message(message.with_packet_id(packet_id)))
    }

    #[test]
    fn messages_with_a_length() {
        for (line, expected) in [
            (r#"+QMTRECV: 0,0,"a/b",5,"hello""#, message("a/b", "hello", 0, Framing::Counted)),
            (r#"+QMTRECV: 0,7,"a/b",5,hello"#, message("a/b", "hello", 7, Framing::Counted)),
            (r#"+QMTRECV:0,7,"a,b",0,"""#, message("a,b", "", 7, Framing::Counted)),
            (
                "+QMTRECV: 0,7,\"a/b\",11,\"\r\nOK\r\n\",+Q\"\"",
                message("a/b", "\r\nOK\r\n\",+Q\"", 7, Framing::Counted),
            ),
        ] {
            assert_eq!(read(line, COUNTED), expected, "{line}");
        }
    }

    #[test]
    fn messages_without_a_length_are_marked() {
        for (line, payload) in [
            (r#"+QMTRECV: 0,1,"a/b","{"a":"b,c"}""#, r#"{"a":"b,c"}"#),
            (r#"+QMTRECV: 0,1,"a/b",bare"#, "bare"),
            (r#"+QMTRECV: 0,1,"a/b",12,abc"#, "12,abc"),
            (r#"+QMTRECV: 0,1,"a/b","""#, ""),
        ] {
            assert_eq!(read(line, &[]), message("a/b", payload, 1, Framing::Ambiguous), "{line}");
        }
    }

    #[test]
    fn other_lines() {
        let lost = |code, meaning| Some(Notice::LinkLost(LinkLoss::vendor(code, None, meaning)));
        for (line, expected) in [
            ("+QMTRECV: 0,4", Some(Notice::MessageStored { slot: 4 })),
            ("+QMTSTAT: 0,1", lost(1, "the broker closed or reset the connection")),
            ("+QMTSTAT:0,2", lost(2, "the broker did not answer a ping")),
            ("+QMTSTAT: 0,9", lost(9, "the module reports a status that is not listed")),
            ("+QMTPING: 0,1", Some(Notice::Nothing)),
            ("+QMTPUB: 0,5,0", Some(Notice::LateResult { message_id: 5 })),
            ("+QMTPUBEX: 0,5,2", Some(Notice::LateResult { message_id: 5 })),
            ("+QMTPUBEX: 0,5,1,2", Some(Notice::Nothing)),
            ("+QMTSTAT: 1,1", None),
            ("+QMTRECV: 1,4", None),
            ("+QMTRECV: 0", None),
            ("+QMTSTAT: 0", None),
            ("+CEREG: 1", None),
        ] {
            assert_eq!(read(line, COUNTED), expected, "{line}");
        }
    }
}
