//! Transcripts that the program writes: `record`, and `--trace`.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use atmqtt::Time;
use atmqtt::transcript::{Header, Privacy, Recorder, Side, SyntaxError, Transcript};

use crate::exit::Failure;
use crate::render::Look;
use crate::utc::Utc;

/// Where a dialogue is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    pub(crate) privacy: Privacy,
    /// The module's profile, as far as it is known beforehand.
    pub(crate) profile: Option<String>,
}

/// A transcript that is being written. A cheap handle.
#[derive(Debug, Clone)]
pub(crate) struct Recording(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    file: File,
    recorder: Recorder,
    /// Why the file could not be written. Nothing is written behind it.
    fault: Option<std::io::Error>,
}

impl Recording {
    /// Begins a new file.
    pub(crate) fn create(place: &Place, look: Look) -> Result<Recording, Failure> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let file = options.open(&place.path).map_err(|fault| match fault.kind() {
            ErrorKind::AlreadyExists => {
                Failure::new("input.exists", format!("{} is there already", place.path.display()))
                    .help("name a file that is not there, or remove this one")
            }
            _ => unwritable(&place.path, &fault),
        })?;
        Recording::begin(place, file, &place.header().to_string(), look)
    }

    /// Goes on with a file, or begins a new one.
    pub(crate) fn append(place: &Place, look: Look) -> Result<Recording, Failure> {
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&place.path)
            .map_err(|fault| unwritable(&place.path, &fault))?;
        let mut before = Vec::new();
        file.read_to_end(&mut before).map_err(|fault| unreadable(&place.path, &fault))?;
        let beginning = if before.is_empty() {
            place.header().to_string()
        } else {
            Transcript::parse(&before).map_err(|fault| {
                syntax(&place.path, &fault)
                    .help("nothing is appended to a file that is no transcript; name another one")
            })?;
            let line_end = if before.ends_with(b"\n") { "" } else { "\n" };
            format!("{line_end}\n# {}\n", title())
        };
        Recording::begin(place, file, &beginning, look)
    }

    fn begin(place: &Place, mut file: File, beginning: &str, look: Look) -> Result<Recording, Failure> {
        if place.privacy == Privacy::Raw {
            look.warn(format_args!(
                "--raw: {} will have passwords and identities in it; keep it to yourself",
                place.path.display()
            ));
        }
        file.write_all(beginning.as_bytes()).map_err(|fault| unwritable(&place.path, &fault))?;
        let recorder = Recorder::new(place.privacy);
        Ok(Recording(Arc::new(Mutex::new(Inner { path: place.path.clone(), file, recorder, fault: None }))))
    }

    /// Takes what one side has written.
    pub(crate) fn take(&self, now: Time, side: Side, bytes: &[u8]) {
        self.with(|inner| {
            inner.recorder.record(now, side, bytes);
            inner.write();
        });
    }

    /// Writes what waits for the end of its line; says why, if something could not be written.
    pub(crate) fn finish(&self, look: Look) {
        self.with(|inner| {
            inner.recorder.finish();
            inner.write();
            if let Some(fault) = inner.fault.take() {
                look.warn(format_args!("{} is not complete: {fault}", inner.path.display()));
            }
        });
    }

    fn with(&self, work: impl FnOnce(&mut Inner)) {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Inner {
    fn write(&mut self) {
        let text = self.recorder.take();
        if self.fault.is_none() && !text.is_empty() {
            self.fault = self.file.write_all(text.as_bytes()).err();
        }
    }
}

impl Place {
    fn header(&self) -> Header {
        let hidden = match self.privacy {
            Privacy::Redacted => ", secrets and identities hidden",
            Privacy::Raw => "",
        };
        Header {
            title: Some(title()),
            profile: self.profile.clone(),
            begins_unattached: true,
            shows_echo: true,
            evidence: Some(format!("recorded by atmqtt {}{hidden}", env!("CARGO_PKG_VERSION"))),
            ..Header::default()
        }
    }
}

fn title() -> String {
    format!("recorded at {}", Utc::now().iso())
}

/// Reads a transcript.
pub(crate) fn read(path: &Path) -> Result<Transcript, ReadFault> {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut text));
    read.map_err(|fault| ReadFault::Unreadable(unreadable(path, &fault)))?;
    if text.len() as u64 > LONGEST {
        let failure = Failure::new("input.too_long", format!("{} is longer than {LONGEST} bytes", path.display()));
        return Err(ReadFault::Unreadable(failure));
    }
    Transcript::parse(text).map_err(ReadFault::Syntax)
}

/// No transcript has more bytes.
const LONGEST: u64 = 256 * 1024 * 1024;

/// Why a transcript was not read.
#[derive(Debug)]
pub(crate) enum ReadFault {
    Unreadable(Failure),
    Syntax(SyntaxError),
}

impl ReadFault {
    pub(crate) fn failure(self, path: &Path) -> Failure {
        match self {
            ReadFault::Unreadable(failure) => failure,
            ReadFault::Syntax(fault) => syntax(path, &fault),
        }
    }
}

fn syntax(path: &Path, fault: &SyntaxError) -> Failure {
    Failure::new("transcript.syntax", format!("{}:{fault}", path.display()))
}

fn unwritable(path: &Path, fault: &std::io::Error) -> Failure {
    Failure::new("input.unwritable", format!("{} cannot be written: {fault}", path.display()))
}

fn unreadable(path: &Path, fault: &std::io::Error) -> Failure {
    Failure::new("input.unreadable", format!("{} cannot be read: {fault}", path.display()))
}
