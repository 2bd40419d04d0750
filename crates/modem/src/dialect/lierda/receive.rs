//! `+LMQTTURC: RECV,…` and `+LMQTTURC: STATS,…`.
//!
//! The names `+LMQTTRECV` and `+LMQTTSTAT` are in circulation without any evidence; they are understood too, since that
//! costs nothing. A sign-in nobody asked for is a change of state.

use atmqtt_at::{BodyPlace, BodyRule, Fields, LineRef, Malformed, MalformedKind};

use crate::dialect::Notice;
use crate::fault::LinkLoss;
use crate::message::{Framing, Incoming};

/// With `"recv/mode",<id>,0,1`: `RECV,<id>,<message id>,"<topic>",<length>,<payload>`.
pub(super) const COUNTED: &[BodyRule] = &[
    BodyRule { prefix: "+LMQTTURC: RECV,", fields: 3, place: BodyPlace::SameLine },
    BodyRule { prefix: "+LMQTTURC:RECV,", fields: 3, place: BodyPlace::SameLine },
    BodyRule { prefix: "+LMQTTRECV: ", fields: 3, place: BodyPlace::SameLine },
];

/// Reads the arguments behind the connection identifier.
type Read = fn(Fields<'_>) -> Result<Notice, Malformed>;

/// The name of a line, the word before its connection identifier where there is one, and what reads the rest.
const LINES: [(&str, Option<&str>, Read); 6] = [
    ("+LMQTTURC", Some("RECV"), received),
    ("+LMQTTURC", Some("STATS"), status),
    ("+LMQTTRECV", None, received),
    ("+LMQTTSTAT", None, status),
    ("+LMQTTCONN", None, unasked_sign_in),
    ("+LMQTTPUB", None, late_result),
];

/// What a line says; a line of an unknown form, or about another connection than this one, is not the dialect's.
pub(super) fn notice(line: LineRef<'_>, connection: Option<u8>) -> Option<Notice> {
    LINES.iter().find_map(|(name, word, read)| {
        let mut fields = line.information(name)?;
        if let Some(word) = word {
            fields.text().ok().filter(|found| found == word)?;
        }
        let about = fields.int().ok()?;
        let notice = read(fields).ok()?;
        connection.is_none_or(|connection| connection == about).then_some(notice)
    })
}

/// `<message id>[,"<topic>"[,<length>],<payload>]`. Without a topic it is the notice of a message that the module
/// keeps; how to read it is not known.
fn received(mut fields: Fields<'_>) -> Result<Notice, Malformed> {
    let packet_id = fields.int::<u16>()?;
    let packet_id = (packet_id != 0).then_some(packet_id);
    let Some(topic) = fields.bytes() else { return Ok(Notice::MessageHeld { packet_id }) };
    let topic = String::from_utf8_lossy(topic).into_owned();
    let (payload, framing) = match (fields.body(), fields.remainder()) {
        (Some(body), _) => (body, Framing::Counted),
        (None, Some(rest)) => (rest, Framing::Ambiguous),
        (None, None) => return Err(Malformed::line(MalformedKind::Missing)),
    };
    let message = Incoming::new(topic, payload.to_vec(), framing);
    Ok(Notice::Message(message.with_packet_id(packet_id.unwrap_or_default())))
}

/// `<stats>[,<extend>]`: 0 is for information, anything else means that the connection is gone.
fn status(mut fields: Fields<'_>) -> Result<Notice, Malformed> {
    let (code, extend): (i32, Option<i32>) = (fields.int()?, fields.optional_int()?);
    if code == 0 {
        return Ok(Notice::Nothing);
    }
    let known = STATUS.iter().find(|(known, _)| *known == code);
    let meaning = known.map_or("the module reports a status that is not listed", |(_, meaning)| *meaning);
    Ok(Notice::LinkLost(LinkLoss::vendor(code, extend, meaning)))
}

/// Lierda AT manual, LMQTTURC. 5 and 6 are not listed there.
const STATUS: &[(i32, &str)] = &[
    (1, "the broker closed or reset the connection"),
    (2, "the module could not read the broker's address"),
    (3, "the broker's name could not be resolved"),
    (4, "protocol error"),
    (7, "HTTP error"),
    (8, "the connection timed out"),
    (9, "the connection failed"),
    (10, "fatal error in the module"),
    (11, "the connection was closed"),
    (12, "the module needs more data"),
    (13, "the module's buffer overflowed: messages are lost"),
    (14, "TLS failed"),
    (15, "the broker refused the connection"),
];

/// `<result>[,<return code>]`, without a command.
fn unasked_sign_in(mut fields: Fields<'_>) -> Result<Notice, Malformed> {
    Ok(match (fields.int::<i32>()?, fields.optional_int::<i32>()?) {
        (0, None | Some(0)) => Notice::SignedIn,
        _ => Notice::Nothing,
    })
}

/// `<message id>,<result>[,<extend>]`, when nobody waits for it any more.
fn late_result(mut fields: Fields<'_>) -> Result<Notice, Malformed> {
    Ok(Notice::LateResult { message_id: fields.int()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::QoS;
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

    fn message(topic: &str, payload: &str, packet_id: Option<u16>, framing: Framing) -> Option<Notice> {
        let mut message = Incoming::new(topic.to_owned(), payload.as_bytes().to_vec(), framing);
        message.packet_id = packet_id;
        message.qos = packet_id.is_none().then_some(QoS::AtMostOnce);
        Some(Notice::Message(message))
    }

    #[test]
    fn messages_with_a_length() {
        for (line, expected) in [
            ("+LMQTTURC: RECV,0,0,\"a/b\",5,hello", message("a/b", "hello", None, Framing::Counted)),
            ("+LMQTTURC: RECV,0,7,\"a/b\",5,\"hello\"", message("a/b", "hello", Some(7), Framing::Counted)),
            ("+LMQTTURC: RECV,0,7,\"a/b\",0,", message("a/b", "", Some(7), Framing::Counted)),
            ("+LMQTTURC:RECV,0,7,\"a/b\",4,\r\n,\"", message("a/b", "\r\n,\"", Some(7), Framing::Counted)),
            ("+LMQTTRECV: 0,7,\"a/b\",2,hi", message("a/b", "hi", Some(7), Framing::Counted)),
        ] {
            assert_eq!(read(line, COUNTED), expected, "{line}");
        }
    }

    #[test]
    fn messages_without_a_length_are_marked() {
        for (line, payload) in [
            (r#"+LMQTTURC: RECV,0,1,"a/b",{"control":1,"id":"t1"}"#, r#"{"control":1,"id":"t1"}"#),
            (r#"+LMQTTURC: RECV,0,1,"a/b","quoted""#, r#""quoted""#),
            (r#"+LMQTTURC: RECV,0,1,"a/b",12,abc"#, "12,abc"),
            (r#"+LMQTTURC: RECV,0,1,"a/b","#, ""),
        ] {
            assert_eq!(read(line, &[]), message("a/b", payload, Some(1), Framing::Ambiguous), "{line}");
        }
    }

    #[test]
    fn other_lines() {
        let lost = |code, extend, meaning| Some(Notice::LinkLost(LinkLoss::vendor(code, extend, meaning)));
        for (line, expected) in [
            ("+LMQTTURC: RECV,0,5", Some(Notice::MessageHeld { packet_id: Some(5) })),
            ("+LMQTTURC: STATS,0,0", Some(Notice::Nothing)),
            ("+LMQTTURC: STATS,0,1", lost(1, None, "the broker closed or reset the connection")),
            ("+LMQTTURC: STATS,0,15,5", lost(15, Some(5), "the broker refused the connection")),
            ("+LMQTTURC: STATS,0,5", lost(5, None, "the module reports a status that is not listed")),
            ("+LMQTTSTAT: 0,11", lost(11, None, "the connection was closed")),
            ("+LMQTTCONN: 0,0,0", Some(Notice::SignedIn)),
            ("+LMQTTPUB: 0,5,0", Some(Notice::LateResult { message_id: 5 })),
            ("+LMQTTURC: NEW,0", None),
            ("+LMQTTURC: STATS,1,1", None),
            ("+LMQTTURC: RECV,1,0,\"a\",1,x", None),
            ("+LMQTTURC: STATS", None),
            ("+LMQTTURC: RECV,x", None),
            ("+CEREG: 1", None),
        ] {
            assert_eq!(read(line, COUNTED), expected, "{line}");
        }
    }
}
