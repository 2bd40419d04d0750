//! Secrets, which are referred to and never typed: a command line is in the shell's history and in everybody's process list.

use std::fs::File;
use std::io::{BufRead, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use atmqtt::{Refusal, Secret};

use crate::exit::Failure;

/// The longest secret that is read, in bytes. No module takes a tenth of it.
const LONGEST: u64 = 64 * 1024;

/// What an option that needs a secret takes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reference {
    /// `file:PATH`
    File(PathBuf),
    /// `env:NAME`
    Environment(String),
    /// `-`: one line from stdin.
    Stdin,
}

impl Reference {
    /// The reference that `text` is. Anything else is taken for the secret itself, and not repeated.
    fn parse(option: &str, text: &str) -> Result<Reference, Failure> {
        if text == "-" {
            return Ok(Reference::Stdin);
        }
        match text.split_once(':') {
            Some(("file", path)) if !path.is_empty() => Ok(Reference::File(path.into())),
            Some(("env", name)) if !name.is_empty() => Ok(Reference::Environment(name.to_owned())),
            _ => Err(Failure::new("input.literal_secret", format!("{option} takes no secret, only where to find one"))
                .help("write file:PATH, env:NAME, or - for one line from stdin")),
        }
    }
}

/// Reads secrets, and knows who reads stdin: two cannot.
#[derive(Debug)]
pub(crate) struct Secrets {
    allow_insecure_files: bool,
    stdin: Option<&'static str>,
}

impl Secrets {
    pub(crate) fn new(allow_insecure_files: bool) -> Secrets {
        Secrets { allow_insecure_files, stdin: None }
    }

    /// Takes stdin for `reader`.
    pub(crate) fn claim_stdin(&mut self, reader: &'static str) -> Result<(), Failure> {
        match self.stdin.replace(reader) {
            None => Ok(()),
            Some(other) => Err(two_readers(other, reader)),
        }
    }

    /// Whether `reference`, the value of `option`, can be read later: that it is one, and that nobody else has stdin where it is that.
    pub(crate) fn check(&self, option: &str, reference: &str) -> Result<(), Failure> {
        match (Reference::parse(option, reference)?, self.stdin) {
            (Reference::Stdin, Some(reader)) => Err(two_readers(reader, option)),
            _ => Ok(()),
        }
    }

    /// Reads the secret that `reference`, the value of `option`, refers to. `what` names it: `password`, `PIN`.
    pub(crate) fn read(
        &mut self,
        option: &'static str,
        what: &'static str,
        reference: &str,
    ) -> Result<Secret, Failure> {
        let text = match Reference::parse(option, reference)? {
            Reference::File(path) => self.read_file(what, &path)?,
            Reference::Environment(name) => std::env::var(&name).map_err(|fault| {
                Failure::new("input.secret_missing", format!("the {what} is not in the environment: {name}: {fault}"))
            })?,
            Reference::Stdin => {
                self.claim_stdin(option)?;
                read_line(what, &mut std::io::stdin().lock())?
            }
        };
        if text.is_empty() {
            return Err(Failure::new("input.secret_missing", format!("the {what} that {option} refers to is empty")));
        }
        Secret::new(text).map_err(|source| Refusal::Character { what, source }.into())
    }

    fn read_file(&self, what: &str, path: &Path) -> Result<String, Failure> {
        let failed = |fault: std::io::Error| {
            Failure::new("input.secret_missing", format!("the {what} cannot be read: {}: {fault}", path.display()))
        };
        let mut file = File::open(path).map_err(failed)?;
        // Of the file that is open, so that it cannot be exchanged in between.
        let mode = file.metadata().map_err(failed)?.permissions().mode();
        if mode & 0o077 != 0 && !self.allow_insecure_files {
            return Err(Failure::new(
                "input.secret_exposed",
                format!("others than you can read the {what}: {} has mode {:04o}", path.display(), mode & 0o7777),
            )
            .help(format!("chmod 600 {}, or --allow-insecure-files", path.display())));
        }
        let mut text = String::new();
        file.by_ref().take(LONGEST).read_to_string(&mut text).map_err(failed)?;
        cut_line_end(&mut text);
        Ok(text)
    }
}

fn two_readers(first: &str, second: &str) -> Failure {
    Failure::usage(format!("{first} and {second} cannot both read from stdin"))
        .help("give the secret as file:PATH or env:NAME")
}

fn read_line(what: &str, from: &mut impl BufRead) -> Result<String, Failure> {
    let mut line = String::new();
    from.take(LONGEST)
        .read_line(&mut line)
        .map_err(|fault| Failure::new("input.secret_missing", format!("the {what} cannot be read: stdin: {fault}")))?;
    cut_line_end(&mut line);
    Ok(line)
}

/// Cuts one line end, which an editor or `echo` adds.
fn cut_line_end(text: &mut String) {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::io::Write;

    fn file(content: &str, mode: u32) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content.as_bytes()).unwrap();
        fs::set_permissions(file.path(), Permissions::from_mode(mode)).unwrap();
        file
    }

    fn read(secrets: &mut Secrets, file: &tempfile::NamedTempFile) -> Result<String, &'static str> {
        let reference = format!("file:{}", file.path().display());
        let secret = secrets.read("--password", "password", &reference);
        secret.map(|secret| secret.expose().to_owned()).map_err(|failure| failure.code)
    }

    #[test]
    fn references() {
        let parse = |text| Reference::parse("--password", text);
        assert_eq!(parse("-"), Ok(Reference::Stdin));
        assert_eq!(parse("file:/a:b"), Ok(Reference::File("/a:b".into())));
        assert_eq!(parse("env:X"), Ok(Reference::Environment("X".to_owned())));
        for literal in ["hunter2", "", "file:", "env:", "File:/a", "ENV:X", "--", "http://x"] {
            let failure = parse(literal).unwrap_err();
            assert_eq!(failure.exit() as u8, 2, "{literal}");
            assert!(literal.is_empty() || !format!("{failure:?}").contains("hunter2"));
            let help = failure.help.unwrap();
            assert!(["file:", "env:", "-"].iter().all(|form| help.contains(form)), "{help}");
        }
    }

    #[test]
    fn one_line_end_is_cut_from_a_file() {
        for (content, secret) in
            [("s3cret", "s3cret"), ("s3cret\n", "s3cret"), ("s3cret\r\n", "s3cret"), (" s ", " s ")]
        {
            assert_eq!(read(&mut Secrets::new(false), &file(content, 0o600)).as_deref(), Ok(secret));
        }
        assert_eq!(read(&mut Secrets::new(false), &file("two\nlines\n", 0o600)), Err("input.character"));
        assert_eq!(read(&mut Secrets::new(false), &file("\n", 0o600)), Err("input.secret_missing"));
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        for mode in [0o640, 0o604, 0o660, 0o666] {
            assert_eq!(read(&mut Secrets::new(false), &file("s3cret", mode)), Err("input.secret_exposed"), "{mode:o}");
            assert_eq!(read(&mut Secrets::new(true), &file("s3cret", mode)).as_deref(), Ok("s3cret"), "{mode:o}");
        }
        assert!(read(&mut Secrets::new(false), &file("s3cret", 0o400)).is_ok());
    }

    #[test]
    fn what_is_not_there_is_named() {
        let mut secrets = Secrets::new(false);
        for reference in ["file:/nowhere/at/all", "env:ATMQTT_TEST_NO_SUCH_VARIABLE"] {
            let failure = secrets.read("--pin", "PIN", reference).unwrap_err();
            assert_eq!(failure.code, "input.secret_missing");
            assert!(failure.message.contains(reference.split_once(':').unwrap().1), "{failure}");
        }
    }

    #[test]
    fn stdin_has_one_reader() {
        let mut secrets = Secrets::new(false);
        secrets.claim_stdin("-s").unwrap();
        let failure = secrets.read("--password", "password", "-").unwrap_err();
        assert_eq!(failure.message, "-s and --password cannot both read from stdin");
    }

    #[test]
    fn one_line_is_read_from_stdin() {
        let mut stdin = &b"s3cret\nmore\n"[..];
        assert_eq!(read_line("password", &mut stdin).as_deref(), Ok("s3cret"));
        assert_eq!(stdin, b"more\n");
    }
}
