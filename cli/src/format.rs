//! `-F`: how `sub` prints a message, in the words of `mosquitto_sub`.

use std::str::FromStr;

use atmqtt::{Message, QoS};
use serde::Serialize;
use serde_json::Value;

use crate::encoding::to_base64;
use crate::utc::Utc;

/// A format that has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Format(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    /// `%t`
    Topic,
    /// `%p`
    Payload,
    /// `%l`
    Length,
    /// `%x`
    LowerHex,
    /// `%X`
    UpperHex,
    /// `%q`; nothing where the module does not tell.
    QoS,
    /// `%r`; nothing where the module does not tell.
    Retain,
    /// `%I`
    Iso,
    /// `%U`
    Unix,
    /// `%j`
    JsonWithText,
    /// `%J`
    JsonWithJson,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Format, String> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            let piece = match character {
                '%' => match conversion(characters.next())? {
                    Some(piece) => piece,
                    None => {
                        literal.push('%');
                        continue;
                    }
                },
                '\\' => {
                    literal.push(escape(characters.next())?);
                    continue;
                }
                other => {
                    literal.push(other);
                    continue;
                }
            };
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(piece);
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Format(pieces))
    }
}

/// What stands behind a `%`; `None` is the percent sign itself.
fn conversion(character: Option<char>) -> Result<Option<Piece>, String> {
    Ok(Some(match character {
        Some('%') => return Ok(None),
        Some('t') => Piece::Topic,
        Some('p') => Piece::Payload,
        Some('l') => Piece::Length,
        Some('x') => Piece::LowerHex,
        Some('X') => Piece::UpperHex,
        Some('q') => Piece::QoS,
        Some('r') => Piece::Retain,
        Some('I') => Piece::Iso,
        Some('U') => Piece::Unix,
        Some('j') => Piece::JsonWithText,
        Some('J') => Piece::JsonWithJson,
        Some(other) => return Err(format!("%{other} is not known; these are: %t %p %q %r %l %x %X %j %J %I %U %%")),
        None => return Err("a % at the end means nothing; write %% for a percent sign".to_owned()),
    }))
}

fn escape(character: Option<char>) -> Result<char, String> {
    Ok(match character {
        Some('\\') => '\\',
        Some('0') => '\0',
        Some('a') => '\u{7}',
        Some('e') => '\u{1b}',
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some('v') => '\u{b}',
        Some(other) => return Err(format!("\\{other} is not known; these are: \\\\ \\0 \\a \\e \\n \\r \\t \\v")),
        None => return Err("a \\ at the end means nothing; write \\\\ for a backslash".to_owned()),
    })
}

/// `%J` was asked for, and the payload is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotJson;

impl Format {
    /// The message as the format has it, without a line end.
    pub(crate) fn print(&self, message: &Message, received: Utc) -> Result<Vec<u8>, NotJson> {
        let mut out = Vec::new();
        for piece in &self.0 {
            let text = match piece {
                Piece::Literal(text) => text.clone(),
                Piece::Topic => message.topic.clone(),
                Piece::Payload => {
                    out.extend_from_slice(&message.payload);
                    continue;
                }
                Piece::Length => message.payload.len().to_string(),
                Piece::LowerHex => hex(&message.payload),
                Piece::UpperHex => hex(&message.payload).to_ascii_uppercase(),
                Piece::QoS => message.qos.map_or_else(String::new, |qos| qos.level().to_string()),
                Piece::Retain => message.retain.map_or_else(String::new, |retain| u8::from(retain).to_string()),
                Piece::Iso => received.iso(),
                Piece::Unix => received.unix(),
                Piece::JsonWithText => json(message, received, JsonPayload::text(&message.payload)),
                Piece::JsonWithJson => json(message, received, JsonPayload::json(&message.payload)?),
            };
            out.extend_from_slice(text.as_bytes());
        }
        Ok(out)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `mosquitto_sub`'s keys; what the module does not tell is null.
#[derive(Serialize)]
struct Json<'a> {
    tst: String,
    topic: &'a str,
    qos: Option<u8>,
    retain: Option<u8>,
    payloadlen: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    mid: Option<u16>,
    #[serde(flatten)]
    payload: JsonPayload,
}

#[derive(Serialize)]
enum JsonPayload {
    #[serde(rename = "payload")]
    Value(Value),
    /// A payload that is no UTF-8.
    #[serde(rename = "payload_base64")]
    Base64(String),
}

impl JsonPayload {
    fn text(payload: &[u8]) -> JsonPayload {
        match std::str::from_utf8(payload) {
            Ok(text) => JsonPayload::Value(text.into()),
            Err(_) => JsonPayload::Base64(to_base64(payload)),
        }
    }

    fn json(payload: &[u8]) -> Result<JsonPayload, NotJson> {
        serde_json::from_slice(payload).map(JsonPayload::Value).map_err(|_| NotJson)
    }
}

fn json(message: &Message, received: Utc, payload: JsonPayload) -> String {
    let Message { topic, packet_id, qos, retain, .. } = message;
    let json = Json {
        tst: received.iso_micros(),
        topic,
        qos: qos.map(QoS::level),
        retain: retain.map(u8::from),
        payloadlen: message.payload.len(),
        mid: *packet_id,
        payload,
    };
    serde_json::to_string(&json).expect("strings and numbers can always be written as JSON")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use atmqtt::Framing;
    use serde_json::json;

    fn print(format: &str, message: &Message) -> String {
        let printed =
            Format::from_str(format).unwrap().print(message, Utc::since_1970(Duration::new(1_767_270_896, 5)));
        printed.map_or_else(|NotJson| "not JSON".to_owned(), |bytes| String::from_utf8(bytes).unwrap())
    }

    fn message(topic: &str, payload: &[u8]) -> Message {
        Message::new(topic.to_owned(), payload.to_vec(), Framing::Counted)
    }

    #[test]
    fn every_conversion() {
        let mut known = message("a/b", b"{\"n\":1}");
        known.qos = Some(QoS::AtLeastOnce);
        known.retain = Some(true);
        known.packet_id = Some(7);
        for (format, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("%t", "a/b"),
            ("%p", "{\"n\":1}"),
            ("%l", "7"),
            ("%x", "7b226e223a317d"),
            ("%X", "7B226E223A317D"),
            ("%q%r", "11"),
            ("%I", "2026-01-01T12:34:56+0000"),
            ("%U", "1767270896.000000005"),
            ("100%% %t:%p\\n", "100% a/b:{\"n\":1}\n"),
            ("\\t\\r\\n\\\\\\0\\a\\e\\v", "\t\r\n\\\0\u{7}\u{1b}\u{b}"),
            ("%%t", "%t"),
            ("温度 %t", "温度 a/b"),
        ] {
            assert_eq!(print(format, &known), expected, "{format}");
        }
    }

    #[test]
    fn what_the_module_does_not_tell_is_left_empty() {
        assert_eq!(print("<%q><%r>", &message("a", b"x")), "<><>");
    }

    #[test]
    fn json_forms() {
        let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let tst = "2026-01-01T12:34:56.000000Z";
        let text = message("a", b"{\"n\":1}");
        let common = json!({"tst": tst, "topic": "a", "qos": null, "retain": null, "payloadlen": 7});
        let with = |key: &str, value: Value| {
            let mut object = common.clone();
            object[key] = value;
            object
        };
        assert_eq!(parse(&print("%j", &text)), with("payload", json!("{\"n\":1}")));
        assert_eq!(parse(&print("%J", &text)), with("payload", json!({"n": 1})));
        let mut binary = message("a", b"\xff\xfe\xfb....");
        binary.packet_id = Some(9);
        let mut expected = with("payload_base64", json!("//77Li4uLg=="));
        expected["mid"] = json!(9);
        assert_eq!(parse(&print("%j", &binary)), expected);
        assert_eq!(print("%t %J", &binary), "not JSON");
    }

    #[test]
    fn payload_bytes_are_not_changed() {
        let printed = Format::from_str("[%p]").unwrap().print(&message("a", b"\xff\0\r\n"), Utc::now());
        assert_eq!(printed.as_deref(), Ok(&b"[\xff\0\r\n]"[..]));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for format in ["%", "%z", "%5t", "\\", "\\q", "abc%"] {
            assert!(Format::from_str(format).is_err(), "{format}");
        }
    }
}
