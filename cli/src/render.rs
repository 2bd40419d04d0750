//! Where the program writes: results on stdout, everything else on stderr, as text or as JSON.

use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal, Write};

use serde::Serialize;
use tokio::io::{AsyncWriteExt, Stdout};

use crate::args::{self, Color, Output};
use crate::exit::{Failure, Halt};

/// How things are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) color: bool,
}

impl Look {
    pub(crate) fn resolve(typed: &args::Display) -> Look {
        let color = match typed.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
            }
        };
        Look { json: typed.json || typed.output == Output::Json, quiet: typed.quiet, color }
    }

    /// What `text` looks like in one of the few colours there are.
    pub(crate) fn paint(self, paint: Paint, text: &str) -> String {
        if self.color { format!("\x1b[{}m{text}\x1b[0m", paint.code()) } else { text.to_owned() }
    }

    /// Says how things are going; not with `--quiet`, and not in JSON, where the results say it.
    pub(crate) fn status(self, what: impl Display) {
        if !self.quiet && !self.json {
            say(what);
        }
    }

    /// Says what may need somebody's attention, but stops nothing.
    pub(crate) fn warn(self, what: impl Display) {
        match self {
            Look { quiet: true, .. } => {}
            Look { json: true, .. } => say(json(&WarningLine { warning: WarningObject { message: what.to_string() } })),
            _ => say(format_args!("{} {what}", self.paint(Paint::Warning, "warning:"))),
        }
    }

    /// Says why the program failed.
    pub(crate) fn failure(self, failure: &Failure) {
        if self.json {
            say(json(&ErrorLine { error: ErrorObject::of(failure) }));
            return;
        }
        say(format_args!("{} {failure}", self.paint(Paint::Error, "error:")));
        if let Some(help) = &failure.help {
            say(format_args!("{} {help}", self.paint(Paint::Help, "help:")));
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Paint {
    Error,
    Warning,
    Help,
    Sent,
    Received,
}

impl Paint {
    /// Of ECMA-48, select graphic rendition.
    const fn code(self) -> &'static str {
        match self {
            Paint::Error => "1;31",
            Paint::Warning => "1;33",
            Paint::Help => "1;36",
            Paint::Sent => "36",
            Paint::Received => "32",
        }
    }
}

/// Writes a line to stderr. If that is closed there is nobody left to tell.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[derive(Serialize)]
struct ErrorLine<'a> {
    error: ErrorObject<'a>,
}

#[derive(Serialize)]
struct ErrorObject<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
}

#[derive(Serialize)]
struct WarningLine {
    warning: WarningObject,
}

#[derive(Serialize)]
struct WarningObject {
    message: String,
}

impl<'a> ErrorObject<'a> {
    fn of(failure: &'a Failure) -> ErrorObject<'a> {
        ErrorObject { code: failure.code, message: &failure.message, help: failure.help.as_deref() }
    }
}

/// An object on one line.
pub(crate) fn json(object: &impl Serialize) -> String {
    serde_json::to_string(object).expect("the program's objects have string keys, and nothing that can fail")
}

/// Results, on stdout.
///
/// They are written without blocking the runtime: a reader that is slow must not stop the task that serves the port.
#[derive(Debug)]
pub(crate) struct Results(Stdout);

impl Results {
    pub(crate) fn new() -> Results {
        Results(tokio::io::stdout())
    }

    /// Writes one result, with its line end, and has it on its way when this returns.
    ///
    /// A future that is dropped may leave the result half written.
    pub(crate) async fn line(&mut self, result: impl AsRef<[u8]>) -> Result<(), Halt> {
        let mut line = Vec::from(result.as_ref());
        line.push(b'\n');
        self.write(&line).await.map_err(|fault| match fault.kind() {
            ErrorKind::BrokenPipe => Halt::PipeClosed,
            _ => Failure::new("internal.stdout", format!("stdout cannot be written: {fault}")).into(),
        })
    }

    async fn write(&mut self, line: &[u8]) -> std::io::Result<()> {
        self.0.write_all(line).await?;
        self.0.flush().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_object_on_one_line() {
        let with = Failure::new("modem.sim_missing", "the SIM is \"not\"\ninserted").help("insert one");
        let without = Failure::new("internal", "x");
        assert_eq!(
            json(&ErrorLine { error: ErrorObject::of(&with) }),
            r#"{"error":{"code":"modem.sim_missing","message":"the SIM is \"not\"\ninserted","help":"insert one"}}"#
        );
        assert_eq!(
            json(&ErrorLine { error: ErrorObject::of(&without) }),
            r#"{"error":{"code":"internal","message":"x"}}"#
        );
    }

    #[test]
    fn colour_is_only_where_it_was_asked_for() {
        let plain = Look { json: false, quiet: false, color: false };
        assert_eq!(plain.paint(Paint::Error, "error:"), "error:");
        let color = Look { color: true, ..plain };
        assert_eq!(color.paint(Paint::Error, "error:"), "\x1b[1;31merror:\x1b[0m");
    }
}
