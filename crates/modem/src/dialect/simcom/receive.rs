//! Messages and losses: `+CMQTTRX…` and `+CMQTTRECV`, `+CMQTTCONNLOST` and `+CMQTTNONET`.
//!
//! ```text
//! +CMQTTRXSTART: <client>,<bytes of topic>,<bytes of payload>
//! +CMQTTRXTOPIC: <client>,<length>      the bytes, in a line of their own; again, if the topic is long
//! +CMQTTRXPAYLOAD: <client>,<length>    the same for the payload
//! +CMQTTRXEND: <client>
//! ```

use atmqtt_at::{BodyPlace, BodyRule, Fields, LineRef, Malformed, MalformedKind};

use crate::dialect::{Notice, Part, payload};
use crate::fault::LinkLoss;
use crate::message::Incoming;

/// Where bytes are counted.
pub(super) const COUNTED: &[BodyRule] = &[
    BodyRule { prefix: "+CMQTTRXTOPIC:", fields: 1, place: BodyPlace::NextLine },
    BodyRule { prefix: "+CMQTTRXPAYLOAD:", fields: 1, place: BodyPlace::NextLine },
    // `<client>,"<topic>",<length>,"<payload>"`
    BodyRule { prefix: "+CMQTTRECV:", fields: 2, place: BodyPlace::SameLine },
];

/// Reads the arguments behind the client.
type Read = fn(Fields<'_>) -> Result<Notice, Malformed>;

const LINES: [(&str, Read); 9] = [
    ("+CMQTTRXSTART", |mut fields| {
        Ok(Notice::MessagePart(Part::Beginning { topic: fields.int()?, payload: fields.int()? }))
    }),
    ("+CMQTTRXTOPIC", |fields| body(fields).map(|piece| Notice::MessagePart(Part::Topic(piece)))),
    ("+CMQTTRXPAYLOAD", |fields| body(fields).map(|piece| Notice::MessagePart(Part::Payload(piece)))),
    ("+CMQTTRXEND", |_| Ok(Notice::MessagePart(Part::End))),
    ("+CMQTTRECV", received),
    ("+CMQTTCONNLOST", lost),
    // Results that nobody waits for any more: of what, they do not say.
    ("+CMQTTPUB", late),
    ("+CMQTTSUB", late),
    ("+CMQTTDISC", late),
];

/// What a line says; a line of an unknown form, or about another client than this one, is not the dialect's.
pub(super) fn notice(line: LineRef<'_>, connection: Option<u8>) -> Option<Notice> {
    if line.text == b"+CMQTTNONET" {
        return Some(Notice::LinkLost(LinkLoss::seen("the packet network is gone, and with it the MQTT service")));
    }
    // Late results of the service, of no client.
    if ["+CMQTTSTART", "+CMQTTSTOP"].iter().any(|name| line.information(name).is_some()) {
        return Some(Notice::Nothing);
    }
    LINES.iter().find_map(|(name, read)| {
        let mut fields = line.information(name)?;
        let about = fields.int().ok()?;
        let notice = read(fields).ok()?;
        connection.is_none_or(|connection| connection == about).then_some(notice)
    })
}

fn body(fields: Fields<'_>) -> Result<Vec<u8>, Malformed> {
    fields.body().map(<[u8]>::to_vec).ok_or(Malformed::line(MalformedKind::Missing))
}

/// `"<topic>",[<length>,]<payload>`
fn received(mut fields: Fields<'_>) -> Result<Notice, Malformed> {
    let topic = fields.bytes().ok_or(Malformed::line(MalformedKind::Missing))?;
    let (payload, framing) = payload(fields)?;
    Ok(Notice::Message(Incoming::new(String::from_utf8_lossy(topic).into_owned(), payload, framing)))
}

/// `<cause>`
fn lost(mut fields: Fields<'_>) -> Result<Notice, Malformed> {
    let code = fields.int()?;
    let meaning = match code {
        1 => "the broker closed the connection",
        2 => "the connection was reset",
        3 => "the packet network was closed",
        _ => "the module reports a cause that is not listed",
    };
    Ok(Notice::LinkLost(LinkLoss::vendor(code, None, meaning)))
}

/// `<err>`
fn late(mut fields: Fields<'_>) -> Result<Notice, Malformed> {
    fields.int::<i32>().map(|_| Notice::Nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Framing;
    use atmqtt_at::{Expected, Reader, ReaderLimits, Token};

    fn read(bytes: &str) -> Vec<Option<Notice>> {
        let mut reader = Reader::new(ReaderLimits::default());
        reader.expect_bodies(COUNTED);
        reader.push(format!("\r\n{bytes}\r\n").as_bytes());
        let mut notices = Vec::new();
        while let Some(token) = reader.next(Expected::default()) {
            match token {
                Token::Line { line, .. } => notices.push(notice(line, Some(0))),
                other => panic!("{other:?}"),
            }
        }
        notices
    }

    #[test]
    fn a_message_in_four_lines() {
        let part = |part| Some(Notice::MessagePart(part));
        let said = "+CMQTTRXSTART: 0,4,9\r\n+CMQTTRXTOPIC: 0,4\r\na\"\r\n\r\n+CMQTTRXPAYLOAD: 0,5\r\n\r\nOK>\r\n\
                    +CREG: 1\r\n+CMQTTRXPAYLOAD: 0,4\r\n\r\nA,\r\n+CMQTTRXEND: 0";
        assert_eq!(
            read(said),
            [
                part(Part::Beginning { topic: 4, payload: 9 }),
                part(Part::Topic(b"a\"\r\n".to_vec())),
                part(Part::Payload(b"\r\nOK>".to_vec())),
                None,
                part(Part::Payload(b"\r\nA,".to_vec())),
                part(Part::End),
            ]
        );
    }

    #[test]
    fn other_lines() {
        let message = |payload: &str, framing| {
            Some(Notice::Message(Incoming::new("a,b".to_owned(), payload.as_bytes().to_vec(), framing)))
        };
        let lost = |code, meaning| Some(Notice::LinkLost(LinkLoss::vendor(code, None, meaning)));
        let no_net = LinkLoss::seen("the packet network is gone, and with it the MQTT service");
        for (line, expected) in [
            ("+CMQTTRECV: 0,\"a,b\",5,\"a\"\r\nb\"", message("a\"\r\nb", Framing::Counted)),
            ("+CMQTTRECV: 0,\"a,b\",\"a,b\"", message("a,b", Framing::Ambiguous)),
            ("+CMQTTCONNLOST: 0,1", lost(1, "the broker closed the connection")),
            ("+CMQTTCONNLOST: 0,9", lost(9, "the module reports a cause that is not listed")),
            ("+CMQTTNONET", Some(Notice::LinkLost(no_net))),
            ("+CMQTTPUB: 0,0", Some(Notice::Nothing)),
            ("+CMQTTCONNLOST: 1,1", None),
            ("+CMQTTRXSTART: 0,4", None),
            ("+CMQTTRXEND", None),
            ("+CEREG: 1", None),
        ] {
            assert_eq!(read(line), [expected], "{line}");
        }
    }
}
