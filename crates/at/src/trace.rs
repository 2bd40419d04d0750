//! The dialogue as it may be shown: what went over the line, with secrets hidden.

use std::fmt;

use zeroize::Zeroizing;

use crate::exchange::Exchange;
use crate::given;
use crate::shown::Shown;
use crate::time::Time;

/// One line of the dialogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceRecord {
    /// When it was written or read.
    pub time: Time,
    /// Which way it went.
    pub direction: Direction,
    /// The bytes without their line end, secrets replaced by `***`.
    pub bytes: Box<[u8]>,
}

/// Which way a line went, and what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// A command, from the host to the module.
    Command,
    /// Data after a prompt, from the host to the module.
    Data,
    /// A line, from the module to the host.
    Line,
    /// A prompt, from the module to the host.
    Prompt,
}

impl fmt::Display for TraceRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.direction {
            Direction::Command => write!(f, "→ {}", Shown(&self.bytes)),
            Direction::Data => write!(f, "→ [{} bytes] {}", self.bytes.len(), Shown(&self.bytes)),
            Direction::Line => write!(f, "← {}", Shown(&self.bytes)),
            Direction::Prompt => f.write_str("← >"),
        }
    }
}

/// How many secrets are remembered. More than any sign-in has; the oldest goes first.
const REMEMBERED: usize = 16;

/// Hides secrets that were sent, wherever they come back: in an echo, in half an echo, in the answer to a query.
#[derive(Default)]
pub(crate) struct Redactor {
    secrets: Vec<Zeroizing<Vec<u8>>>,
}

impl Redactor {
    /// Remembers the secrets of a command that is about to be sent.
    pub(crate) fn learn(&mut self, exchange: &Exchange) {
        for range in &exchange.secrets {
            let secret = &exchange.wire[range.clone()];
            // A secret of a few characters is everywhere, and to hide it everywhere would give it away.
            if secret.len() >= 4 && !self.secrets.iter().any(|known| known.as_slice() == secret) {
                if self.secrets.len() == REMEMBERED {
                    self.secrets.remove(0);
                }
                self.secrets.push(Zeroizing::new(secret.to_vec()));
            }
        }
    }

    /// `bytes` without any secret: none that was sent, and none that a message brings.
    pub(crate) fn redact(&self, bytes: &[u8]) -> Box<[u8]> {
        let mut shown = bytes.to_vec();
        for range in given::secrets(bytes).into_iter().rev() {
            shown.splice(range, *b"***");
        }
        for secret in &self.secrets {
            while let Some(at) = memchr::memmem::find(&shown, secret) {
                shown.splice(at..at + secret.len(), *b"***");
            }
        }
        shown.into_boxed_slice()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;
    use crate::text::Secret;

    #[test]
    fn a_secret_is_hidden_wherever_it_comes_back() {
        let secret = Secret::new("390358fc595040aa").unwrap();
        let command = Command::set("+LMQTTCONN").int(0).secret(&secret).done();
        let mut redactor = Redactor::default();
        redactor.learn(command.exchange());
        assert_eq!(&*redactor.redact(b"CONN=0,\"390358fc595040aa\",390358fc595040aa"), b"CONN=0,\"***\",***");
        assert_eq!(&*redactor.redact(b"+CSQ: 20,99"), b"+CSQ: 20,99");
        let given = br#"+QMTRECV: 0,1,"/ext/register","{"deviceSecret":"s3cret"}""#;
        let shown = br#"+QMTRECV: 0,1,"/ext/register","{"deviceSecret":"***"}""#;
        assert_eq!(&*redactor.redact(given), shown);
    }
}
