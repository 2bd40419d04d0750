//! Alink, the JSON that Alibaba's devices say what they measure in, and what the platform answers. Alibaba documentation, 89301.

use serde_json::{Map, Value, json};

use crate::broker::Message;

/// Codes of answers.
const OK: u16 = 200;
const PARAMETER: u16 = 460;

/// The answer to a message on a topic behind `/sys/<product key>/<device name>/`, where that is one with a documented answer and the
/// device wants one: on the topic with `_reply` behind it.
pub(super) fn answer(message: &Message) -> Option<Message> {
    let levels: Vec<_> = message.topic.split('/').collect();
    let method = match levels[..] {
        ["", "sys", _, _, "thing", "event", "property", "batch", "post"] => {
            "thing.event.property.batch.post".to_owned()
        }
        ["", "sys", _, _, "thing", "event", event, "post"] => format!("thing.event.{event}.post"),
        ["", "sys", _, _, "thing", "deviceinfo", what @ ("update" | "delete")] => format!("thing.deviceinfo.{what}"),
        _ => return None,
    };
    let body = match request(&message.payload) {
        // Somebody who says 0 wants no answer; who says nothing gets one.
        Ok(Request { wants_answer: false, .. }) => return None,
        Ok(Request { id, .. }) => {
            json!({"code": OK, "data": {}, "id": id, "message": "success", "method": method, "version": "1.0"})
        }
        Err(id) => {
            let text = "request parameter error";
            json!({"code": PARAMETER, "data": {}, "id": id, "message": text, "method": method, "version": "1.0"})
        }
    };
    Some(Message::new(format!("{}_reply", message.topic), body.to_string()).qos(message.qos))
}

struct Request {
    id: String,
    wants_answer: bool,
}

/// What is asked; or the id of what is wrong, as far as it can be read.
fn request(payload: &[u8]) -> Result<Request, String> {
    let request: Map<String, Value> = serde_json::from_slice(payload).map_err(|_| String::new())?;
    let id = request.get("id").and_then(Value::as_str).unwrap_or_default();
    // A number of 32 bits, as a text. Tags are a list, all else an object.
    let is_id = id.parse::<u32>().is_ok();
    let has_params = request.get("params").is_some_and(|params| params.is_object() || params.is_array());
    if !is_id || !has_params {
        return Err(id.to_owned());
    }
    let acknowledgement = request.get("sys").and_then(|sys| sys.get("ack"));
    Ok(Request { id: id.to_owned(), wants_answer: acknowledgement.is_none_or(|ack| ack != 0) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::QoS;

    fn answered(topic: &str, payload: &str) -> Option<(String, Value)> {
        let answer = answer(&Message::new(topic, payload).qos(QoS::AtLeastOnce))?;
        assert_eq!(answer.qos, QoS::AtLeastOnce);
        Some((answer.topic, serde_json::from_slice(&answer.payload).expect("JSON")))
    }

    #[test]
    fn a_post_of_properties_is_answered_with_its_id() {
        let posted = r#"{"id":"123","version":"1.0","params":{"Power":{"value":"on","time":1524448722000}},"method":"thing.event.property.post"}"#;
        let (topic, body) = answered("/sys/pk/dn/thing/event/property/post", posted).expect("an answer");
        assert_eq!(topic, "/sys/pk/dn/thing/event/property/post_reply");
        assert_eq!((&body["code"], &body["data"], &body["id"]), (&json!(200), &json!({}), &json!("123")));
        assert_eq!(body["method"], "thing.event.property.post");
        let (topic, body) = answered("/sys/pk/dn/thing/event/alarm/post", posted).expect("an answer");
        assert_eq!(
            (&*topic, &body["method"]),
            ("/sys/pk/dn/thing/event/alarm/post_reply", &json!("thing.event.alarm.post"))
        );
    }

    #[test]
    fn what_is_no_request_is_a_parameter_error() {
        for (payload, id) in [
            ("{", ""),
            ("[]", ""),
            ("\u{0}", ""),
            ("{}", ""),
            (r#"{"id":"7"}"#, "7"),
            (r#"{"id":7,"params":{}}"#, ""),
            (r#"{"id":"4294967296","params":{}}"#, "4294967296"),
            (r#"{"id":"7","params":"on"}"#, "7"),
        ] {
            let (_, body) = answered("/sys/pk/dn/thing/event/property/post", payload).expect("an answer");
            assert_eq!((&body["code"], &body["id"]), (&json!(460), &json!(id)), "{payload}");
        }
    }

    #[test]
    fn who_wants_no_answer_gets_none_and_neither_does_what_is_no_request() {
        let post = "/sys/pk/dn/thing/event/property/post";
        assert_eq!(answered(post, r#"{"id":"1","params":{},"sys":{"ack":0}}"#), None);
        assert!(answered(post, r#"{"id":"1","params":{},"sys":{"ack":1}}"#).is_some());
        for topic in ["/pk/dn/user/get", "/sys/pk/dn/thing/service/property/set_reply", "/sys/pk/dn/thing/event/post"] {
            assert_eq!(answered(topic, r#"{"id":"1","params":{}}"#), None, "{topic}");
        }
    }
}
