//! Which report of the module belongs to which publish.

use std::time::Duration;

use crate::scenario::Message;
use crate::tongue::{Identifiers, Tongue};

/// What the module has heard of publishes, and what it has said about them.
#[derive(Debug)]
pub(crate) struct Reports {
    tongue: &'static Tongue,
    heard: Vec<Heard>,
    /// The message in the data that came last.
    data: Option<Content>,
    /// The data that come next are those of the publish that was heard last.
    awaits_data: bool,
    /// When a report went to the host, of which identifier, and with which result.
    said: Vec<(Duration, u16, i32)>,
    /// Identifiers whose report may still come.
    open: Vec<u16>,
    /// What the module has said since its last line end.
    line: Vec<u8>,
    /// Publishes that were heard on this connection and not reported, with their identifiers.
    unconfirmed: Vec<(Duration, u16)>,
}

/// A publish with a message identifier.
#[derive(Debug)]
struct Heard {
    at: Duration,
    id: u16,
    /// `None`: that cannot be read.
    content: Option<Content>,
}

/// What the module has read of a payload.
#[derive(Debug, Clone, Copy)]
struct Content {
    /// The number of its message.
    message: usize,
    /// All of it is there, so that it is of no other message.
    is_whole: bool,
}

impl Heard {
    fn is_of(&self, message: usize) -> bool {
        self.content.is_some_and(|content| content.message == message)
    }

    /// A payload that was damaged on its way may be that of any message.
    fn may_be_of(&self, message: usize) -> bool {
        self.content.is_none_or(|content| content.message == message || !content.is_whole)
    }
}

/// Whether the payload of that message is in these bytes.
pub(crate) type IsWhole<'a> = &'a dyn Fn(usize, &[u8]) -> bool;

/// No driver gives a report up so soon.
const SOON: Duration = Duration::from_secs(5);

impl Reports {
    pub(crate) fn new(tongue: &'static Tongue) -> Reports {
        Reports {
            tongue,
            heard: Vec::new(),
            data: None,
            awaits_data: false,
            said: Vec::new(),
            open: Vec::new(),
            line: Vec::new(),
            unconfirmed: Vec::new(),
        }
    }

    /// The module has read a command line.
    ///
    /// An identifier that is used again while a report of it may still come makes two messages one (I2).
    pub(crate) fn heard(&mut self, now: Duration, command: &[u8], is_whole: IsWhole<'_>) -> Result<(), String> {
        if self.tongue.closes(command) {
            self.open.clear();
        }
        // 0 stands for none.
        self.awaits_data = false;
        let Some(publish) = self.tongue.publish(command) else { return Ok(()) };
        let Some(id) = publish.id.filter(|id| *id != 0) else { return Ok(()) };
        let content = match publish.inline {
            Some(inline) => {
                Message::number_quoted(inline).map(|message| Content { message, is_whole: is_whole(message, inline) })
            }
            // Elsewhere the payload comes behind the command.
            None => self.data.take().filter(|_| !self.tongue.asks_for_data.is_empty()),
        };
        self.awaits_data = publish.inline.is_none() && self.tongue.asks_for_data.is_empty();
        self.heard.push(Heard { at: now, id, content });
        if self.tongue.identifiers != Identifiers::Host {
            return Ok(());
        }
        if self.open.contains(&id) {
            return Err(format!("I2: message identifier {id} is used again while a report of it may still come"));
        }
        self.open.push(id);
        self.unconfirmed.push((now, id));
        Ok(())
    }

    /// The module has read data: a payload, or a topic or filter.
    pub(crate) fn heard_data(&mut self, data: &[u8], is_whole: IsWhole<'_>) {
        let number = Message::number(data).and_then(|(mark, number)| (mark == '#').then_some(number));
        let content = number.map(|message| Content { message, is_whole: is_whole(message, data) });
        match self.heard.last_mut() {
            Some(last) if std::mem::take(&mut self.awaits_data) => last.content = content,
            _ => self.data = content.or(self.data),
        }
    }

    /// The module has restarted, and has forgotten everything.
    pub(crate) fn forget(&mut self) {
        self.open.clear();
        self.nothing_unconfirmed();
    }

    /// The connection is gone, and nobody waits for reports any more.
    pub(crate) fn nothing_unconfirmed(&mut self) {
        self.unconfirmed.clear();
    }

    /// How many publishes are on their way, of which somebody waits for the reports.
    pub(crate) fn unconfirmed(&self, now: Duration) -> usize {
        self.unconfirmed.iter().filter(|(at, _)| now - *at < SOON).count()
    }

    /// How many publishes with an identifier were heard since then.
    pub(crate) fn heard_since(&self, since: Duration) -> usize {
        self.heard.iter().filter(|heard| heard.at >= since).count()
    }

    /// How many publishes of this message with an identifier were heard.
    pub(crate) fn heard_of(&self, message: usize) -> usize {
        self.heard.iter().filter(|heard| heard.is_of(message)).count()
    }

    /// Whether a publish of this message with an identifier was heard after that.
    pub(crate) fn was_heard(&self, message: usize, after: Duration) -> bool {
        self.heard.iter().any(|heard| heard.at > after && heard.is_of(message))
    }

    pub(crate) fn is_publish(&self, command: &[u8]) -> bool {
        self.tongue.publish(command).is_some()
    }

    /// The module has said this, in whatever pieces.
    pub(crate) fn said(&mut self, now: Duration, bytes: &[u8]) {
        for &byte in bytes {
            if byte != b'\n' {
                self.line.push(byte);
                continue;
            }
            self.tell_number();
            if let Some((id, result)) = self.tongue.report(&self.line)
                && self.tongue.intermediate != Some(result)
            {
                self.said.push((now, id, result));
                self.open.retain(|open| *open != id);
                self.unconfirmed.retain(|(_, open)| *open != id);
            }
            // The last one was not taken.
            if self.line.starts_with(b"ERROR") || self.line.starts_with(b"+CME ERROR") {
                self.unconfirmed.pop();
            }
            self.line.clear();
        }
    }

    /// The module tells which number it has given to the publish that it has heard last.
    fn tell_number(&mut self) {
        let told = self.tongue.number_told(&self.line);
        if let (Some(told), Some(last)) = (told, self.heard.last_mut()) {
            last.id = told;
        }
    }

    /// Whether a publish of this message that was heard since then was reported as a success. `None`: none was heard that has an
    /// identifier.
    pub(crate) fn was_success(&self, message: usize, since: Duration) -> Option<bool> {
        let mut was_heard = false;
        for (place, heard) in self.heard.iter().enumerate() {
            if heard.at < since || !heard.may_be_of(message) {
                continue;
            }
            was_heard |= heard.is_of(message);
            // What is said once the identifier is given to another is said of that.
            let again = self.heard[place + 1..].iter().find(|later| later.id == heard.id);
            let until = again.map_or(Duration::MAX, |again| again.at);
            let about = |at: Duration, id: u16| id == heard.id && at >= heard.at && at <= until;
            if self.said.iter().any(|&(at, id, result)| result == 0 && about(at, id)) {
                return Some(true);
            }
        }
        was_heard.then_some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    const WHOLE: IsWhole<'_> = &|_, _| true;

    fn reports() -> Reports {
        Reports::new(Tongue::of(&atmqtt_mock::modem::NT26E))
    }

    #[test]
    fn a_report_belongs_to_the_publish_of_its_identifier() {
        let mut reports = reports();
        assert_eq!(reports.heard(at(1), b"AT+LMQTTPUB=0,7,1,0,\"t\",4,\"#12:\"", WHOLE), Ok(()));
        assert_eq!((reports.was_success(12, at(1)), reports.was_success(1, at(1))), (Some(false), None));
        reports.said(at(2), b"\r\nOK\r\n\r\n+LMQTTPUB: 0,6,0\r\n\r\n+LMQTT");
        assert_eq!(reports.was_success(12, at(1)), Some(false));
        reports.said(at(3), b"PUB: 0,7,0\r\n");
        assert_eq!((reports.was_success(12, at(1)), reports.was_success(12, at(2))), (Some(true), None));
        assert_eq!(reports.heard(at(4), b"AT+LMQTTPUB=0,7,1,0,\"t\",4", WHOLE), Ok(()));
        reports.heard_data(b"#12:", WHOLE);
        assert_eq!((reports.was_success(12, at(4)), reports.was_success(12, at(1))), (Some(false), Some(true)));
        assert!(reports.heard(at(5), b"AT+LMQTTPUB=0,7,1,0,\"t\",1,\"x\"", WHOLE).is_err());
    }

    #[test]
    fn of_several_each_has_its_own_report() {
        let mut reports = reports();
        for (id, message) in [(1, "#5:"), (2, "#6:"), (3, "#7:")] {
            let command = format!("AT+LMQTTPUB=0,{id},1,0,\"t\",3,\"{message}\"");
            assert_eq!(reports.heard(at(id), command.as_bytes(), WHOLE), Ok(()));
        }
        reports.said(at(4), b"\r\n+LMQTTPUB: 0,3,0\r\n\r\n+LMQTTPUB: 0,1,2\r\n");
        assert_eq!(
            [5, 6, 7].map(|message| reports.was_success(message, at(0))),
            [Some(false), Some(false), Some(true)]
        );
        // Sent again under an identifier that another had.
        assert_eq!(reports.heard(at(5), b"AT+LMQTTPUB=0,1,1,0,\"t\",3,\"#6:\"", WHOLE), Ok(()));
        reports.said(at(6), b"\r\n+LMQTTPUB: 0,1,0\r\n");
        assert_eq!([5, 6].map(|message| reports.was_success(message, at(0))), [Some(false), Some(true)]);
    }

    #[test]
    fn a_payload_comes_before_its_publish_where_it_is_put_down_first() {
        let simcom = atmqtt_mock::modem::Model::all().find(|model| Tongue::of(model).identifiers == Identifiers::None);
        let mut reports = Reports::new(Tongue::of(&simcom.unwrap()));
        reports.heard_data(b"up/1", WHOLE);
        reports.heard_data(b"#3:x", WHOLE);
        assert_eq!(reports.heard(at(1), b"AT+CMQTTPUB=0,1,60", WHOLE), Ok(()));
        assert_eq!(reports.was_success(3, at(0)), Some(false));
        reports.said(at(2), b"\r\n+CMQTTPUB: 0,0\r\n");
        assert_eq!(reports.was_success(3, at(0)), Some(true));
    }

    #[test]
    fn without_an_identifier_nothing_is_known() {
        let mut reports = reports();
        for _ in 0..2 {
            assert_eq!(reports.heard(at(1), b"AT+LMQTTPUB=0,0,0,0,\"t\",3,\"#1:\"", WHOLE), Ok(()));
        }
        assert_eq!(reports.was_success(1, at(0)), None);
    }

    #[test]
    fn a_connection_that_is_closed_reports_nothing_more() {
        let mut reports = reports();
        for command in ["AT+LMQTTPUB=0,7,1,0,\"t\",1", "AT+LMQTTCLOSE=0", "AT+LMQTTPUB=0,7,1,0,\"t\",1"] {
            assert_eq!(reports.heard(at(1), command.as_bytes(), WHOLE), Ok(()));
        }
        reports.forget();
        assert_eq!(reports.heard(at(1), b"AT+LMQTTPUB=0,7,1,0,\"t\",1", WHOLE), Ok(()));
    }

    #[test]
    fn a_payload_that_was_damaged_may_be_of_any_message() {
        for (payload, is_whole, expected) in
            [("#2:x", true, false), ("#2:x", false, true), ("5#3:x", false, true), ("#3:x", false, true)]
        {
            let mut reports = reports();
            assert_eq!(reports.heard(at(1), b"AT+LMQTTPUB=0,7,1,0,\"t\",4,\"#3:x\"", WHOLE), Ok(()));
            let again = format!("AT+LMQTTPUB=0,8,1,0,\"t\",4,\"{payload}\"");
            assert_eq!(reports.heard(at(2), again.as_bytes(), &|_, _| is_whole), Ok(()));
            reports.said(at(3), b"\r\n+LMQTTPUB: 0,8,0\r\n");
            assert_eq!(reports.was_success(3, at(0)), Some(expected), "{payload} {is_whole}");
        }
    }
}
