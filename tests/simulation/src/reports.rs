//! Which report of the module belongs to which publish.

use std::time::Duration;

use crate::tongue::{Identifiers, Tongue};

/// What the module has heard of publishes, and what it has said about them.
#[derive(Debug)]
pub(crate) struct Reports {
    tongue: &'static Tongue,
    /// When a publish was heard, and its message identifier.
    heard: Vec<(Duration, u16)>,
    /// When a report went to the host, of which identifier, and with which result.
    said: Vec<(Duration, u16, i32)>,
    /// Identifiers whose report may still come.
    open: Vec<u16>,
    /// What the module has said since its last line end.
    line: Vec<u8>,
    /// Publishes that were heard on this connection and not reported, with their identifiers.
    unconfirmed: Vec<(Duration, u16)>,
}

/// No driver gives a report up so soon.
const SOON: Duration = Duration::from_secs(5);

impl Reports {
    pub(crate) fn new(tongue: &'static Tongue) -> Reports {
        Reports {
            tongue,
            heard: Vec::new(),
            said: Vec::new(),
            open: Vec::new(),
            line: Vec::new(),
            unconfirmed: Vec::new(),
        }
    }

    /// The module has read a command line.
    ///
    /// An identifier that is used again while a report of it may still come makes two messages one (I2).
    pub(crate) fn heard(&mut self, now: Duration, command: &[u8]) -> Result<(), String> {
        if self.tongue.closes(command) {
            self.open.clear();
        }
        // 0 stands for none.
        let Some(id) = self.tongue.publish(command).and_then(|publish| publish.id).filter(|id| *id != 0) else {
            return Ok(());
        };
        self.heard.push((now, id));
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
        self.heard.iter().filter(|(at, _)| *at >= since).count()
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
        if let (Some(told), Some((_, id))) = (told, self.heard.last_mut()) {
            *id = told;
        }
    }

    /// Whether the last publish that was heard since then was reported as a success. `None`: none was heard that has an identifier.
    pub(crate) fn was_success(&self, since: Duration) -> Option<bool> {
        let (heard, id) = *self.heard.last().filter(|(at, _)| *at >= since)?;
        Some(self.said.iter().any(|(at, said, result)| *at >= heard && *said == id && *result == 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn reports() -> Reports {
        Reports::new(Tongue::of(&atmqtt_mock::modem::NT26E))
    }

    #[test]
    fn a_report_belongs_to_the_publish_of_its_identifier() {
        let mut reports = reports();
        assert_eq!(reports.heard(at(1), b"AT+LMQTTPUB=0,7,1,0,\"t\",1,\"x\""), Ok(()));
        assert_eq!(reports.was_success(at(1)), Some(false));
        reports.said(at(2), b"\r\nOK\r\n\r\n+LMQTTPUB: 0,6,0\r\n\r\n+LMQTT");
        assert_eq!(reports.was_success(at(1)), Some(false));
        reports.said(at(3), b"PUB: 0,7,0\r\n");
        assert_eq!((reports.was_success(at(1)), reports.was_success(at(2))), (Some(true), None));
        assert_eq!(reports.heard(at(4), b"AT+LMQTTPUB=0,7,1,0,\"t\",1,\"x\""), Ok(()));
        assert_eq!(reports.was_success(at(4)), Some(false));
        assert!(reports.heard(at(5), b"AT+LMQTTPUB=0,7,1,0,\"t\",1,\"x\"").is_err());
    }

    #[test]
    fn without_an_identifier_nothing_is_known() {
        let mut reports = reports();
        for _ in 0..2 {
            assert_eq!(reports.heard(at(1), b"AT+LMQTTPUB=0,0,0,0,\"t\",1,\"x\""), Ok(()));
        }
        assert_eq!(reports.was_success(at(0)), None);
    }

    #[test]
    fn a_connection_that_is_closed_reports_nothing_more() {
        let mut reports = reports();
        for command in ["AT+LMQTTPUB=0,7,1,0,\"t\",1", "AT+LMQTTCLOSE=0", "AT+LMQTTPUB=0,7,1,0,\"t\",1"] {
            assert_eq!(reports.heard(at(1), command.as_bytes()), Ok(()));
        }
        reports.forget();
        assert_eq!(reports.heard(at(1), b"AT+LMQTTPUB=0,7,1,0,\"t\",1"), Ok(()));
    }
}
