//! `+ECMTRECV`, `+ECMTSTAT`, and what the firmware says when it connects anew by itself.
//!
//! After `+ECMTSTAT: <id>,1` the firmware tries up to three times to sign in again, and then prints the result of a sign-in that
//! nobody has asked for. Whether its subscriptions have come back with it is not known. So the connection counts as lost
//! with the first of these lines, and the next sign-in begins by putting away whatever the firmware has made.

use atmqtt_at::{Fields, LineRef, Malformed, MalformedKind};

use crate::dialect::Notice;
use crate::fault::LinkLoss;
use crate::message::{Framing, Incoming};

/// Reads the arguments behind the connection identifier.
type Read = fn(Fields<'_>) -> Result<Notice, Malformed>;

const LINES: [(&str, Read); 5] = [
    ("+ECMTRECV", received),
    ("+ECMTSTAT", status),
    ("+ECMTCONN", unasked_sign_in),
    ("+ECMTDISC", unasked_end),
    ("+ECMTPUB", late_result),
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

/// `<message id>,"<topic>",<payload>`: the payload as it came, without quotes and without its length. One with a line end in it
/// goes on in lines that say nothing of where they belong, so it is cut there.
fn received(mut fields: Fields<'_>) -> Result<Notice, Malformed> {
    let packet_id = fields.int::<u16>()?;
    let topic = fields.bytes().ok_or(Malformed::line(MalformedKind::Missing))?;
    let payload = fields.remainder().ok_or(Malformed::line(MalformedKind::Missing))?;
    let topic = String::from_utf8_lossy(topic).into_owned();
    Ok(Notice::Message(Incoming::new(topic, payload.to_vec(), Framing::Ambiguous).with_packet_id(packet_id)))
}

/// `<status>`: 1 is known.
fn status(mut fields: Fields<'_>) -> Result<Notice, Malformed> {
    let code = fields.int()?;
    let meaning = match code {
        1 => "the broker closed or reset the connection",
        _ => "the module reports a status that is not listed",
    };
    Ok(Notice::LinkLost(LinkLoss::vendor(code, None, meaning)))
}

/// `<result>,<return code>`, without a command. A late state of the connection has one argument less.
fn unasked_sign_in(mut fields: Fields<'_>) -> Result<Notice, Malformed> {
    Ok(match (fields.int::<i32>()?, fields.int::<i32>()?) {
        (0, 0) => {
            let meaning = "the module has signed in anew by itself, and its subscriptions may be gone";
            Notice::SignedInAnew(LinkLoss::seen(meaning))
        }
        _ => Notice::LinkLost(LinkLoss::seen("the module has tried to sign in anew by itself, and failed")),
    })
}

/// `<result>`, without a command: the connection is down, and stays so.
fn unasked_end(mut fields: Fields<'_>) -> Result<Notice, Malformed> {
    fields.int::<i32>()?;
    Ok(Notice::LinkLost(LinkLoss::seen("the module has ended the connection")))
}

/// `<message id>,<result>`, when nobody waits for it any more.
fn late_result(mut fields: Fields<'_>) -> Result<Notice, Malformed> {
    Ok(Notice::LateResult { message_id: fields.int()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::QoS;

    fn read(line: &str) -> Option<Notice> {
        notice(LineRef { text: line.as_bytes(), body: None }, Some(0))
    }

    #[test]
    fn messages_end_with_their_line_and_are_marked() {
        for (line, id, payload) in [
            (r#"+ECMTRECV: 0,0,"$creq/1",ec_power"#, None, "ec_power"),
            (r#"+ECMTRECV: 0,7,"a/b",{"a":1,"b":"c"}"#, Some(7), r#"{"a":1,"b":"c"}"#),
            (r#"+ECMTRECV: 0,7,"a/b","quoted""#, Some(7), r#""quoted""#),
            (r#"+ECMTRECV: 0,7,"a,b","#, Some(7), ""),
        ] {
            let Some(Notice::Message(message)) = read(line) else { panic!("{line}") };
            assert_eq!((message.packet_id, &*message.payload), (id, payload.as_bytes()), "{line}");
            assert_eq!((message.framing, message.qos), (Framing::Ambiguous, id.is_none().then_some(QoS::AtMostOnce)));
        }
    }

    #[test]
    fn other_lines() {
        let lost = |loss| Some(Notice::LinkLost(loss));
        for (line, expected) in [
            ("+ECMTSTAT: 0,1", lost(LinkLoss::vendor(1, None, "the broker closed or reset the connection"))),
            ("+ECMTSTAT: 0,4", lost(LinkLoss::vendor(4, None, "the module reports a status that is not listed"))),
            ("+ECMTDISC: 0,0", lost(LinkLoss::seen("the module has ended the connection"))),
            (
                "+ECMTCONN: 0,0,0",
                Some(Notice::SignedInAnew(LinkLoss::seen(
                    "the module has signed in anew by itself, and its subscriptions may be gone",
                ))),
            ),
            ("+ECMTCONN: 0,2,2", lost(LinkLoss::seen("the module has tried to sign in anew by itself, and failed"))),
            ("+ECMTPUB: 0,9,0", Some(Notice::LateResult { message_id: 9 })),
            // The late answer to the question for the state.
            ("+ECMTCONN: 0,3", None),
            ("+ECMTSTAT: 1,1", None),
            ("+ECMTRECV: 0,3", None),
            ("+CEREG: 1", None),
        ] {
            assert_eq!(read(line), expected, "{line}");
        }
    }
}
