//! Which commands the host has written, and which the module has read.

use std::time::Duration;

/// The last command line of each side.
#[derive(Debug, Default)]
pub(super) struct Commands {
    written: Vec<u8>,
    /// And when.
    read: (Duration, Vec<u8>),
    /// When the module has last read one that the host has not written.
    unwritten: Option<Duration>,
}

impl Commands {
    /// The host has written this. Every payload begins otherwise than a command.
    pub(super) fn written(&mut self, bytes: &[u8]) {
        if let Some(command) = bytes.strip_suffix(b"\r").filter(|bytes| bytes.starts_with(b"AT")) {
            self.written = command.to_vec();
        }
    }

    /// The module has read this.
    pub(super) fn read(&mut self, now: Duration, command: &[u8]) {
        self.read = (now, command.to_vec());
        if command != self.written {
            self.unwritten = Some(now);
        }
    }

    /// Whether the module has read one since then that the host has not written, so that there are more answers than questions; or has
    /// not read this one as its last.
    pub(super) fn has_other(&self, command: &str, since: Duration) -> bool {
        let (at, last) = &self.read;
        let is_last = *at >= since && last == command.as_bytes();
        !is_last || self.unwritten.is_some_and(|at| at >= since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_the_one_that_was_asked_for() {
        let at = Duration::from_secs;
        let commands = |read: &[(u64, &str)]| {
            let mut commands = Commands::default();
            commands.written(b"AT+CSQ\r");
            commands.written(b"#0:AT+CFUN=0\r");
            for (second, command) in read {
                commands.read(at(*second), command.as_bytes());
            }
            commands
        };
        for (read, expected) in [
            (&[(1, "AT+CSQ")][..], false),
            (&[], true),
            (&[(0, "AT+CSQ")], true),
            (&[(1, "AT+CEQ")], true),
            (&[(1, "AT+CFUN=0"), (2, "AT+CSQ")], true),
            (&[(0, "AT+CFUN=0"), (2, "AT+CSQ")], false),
        ] {
            assert_eq!(commands(read).has_other("AT+CSQ", at(1)), expected, "{read:?}");
        }
    }
}
