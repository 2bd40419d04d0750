//! Why an outbox does not do something.

use std::io::{self, ErrorKind};
use std::path::Path;

/// Why an outbox could not be opened, or did not do something. None of it tells of topics or payloads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutboxError {
    /// There is none.
    #[error("there is no outbox {path}")]
    NotFound {
        /// The file.
        path: String,
    },
    /// There is none, and no directory to make it in.
    #[error("there is no directory for the outbox {path}")]
    NoDirectory {
        /// The file.
        path: String,
    },
    /// This user may not read and write it.
    #[error("no permission to use the outbox {path}")]
    Permission {
        /// The file.
        path: String,
    },
    /// Others may read or write it. It is left as it is.
    #[error("others than you can read the outbox: {path} has mode {mode:04o}")]
    Exposed {
        /// The file.
        path: String,
        /// Its permissions.
        mode: u32,
    },
    /// Another program has it open, or this one has already.
    #[error("the outbox {path} is in use")]
    InUse {
        /// The file.
        path: String,
    },
    /// It is something else, and is left as it is.
    #[error("{path} is no outbox")]
    Foreign {
        /// The file.
        path: String,
    },
    /// It is of a version that is not known, and is left as it is.
    #[error("the outbox {path} has format {found}, which this version does not know")]
    Version {
        /// The file.
        path: String,
        /// The number of its format.
        found: u64,
    },
    /// It is an outbox whose content does not hold together.
    #[error("the outbox {path} is damaged")]
    Damaged {
        /// The file.
        path: String,
    },
    /// The message does not fit any more. Nothing has been dropped.
    #[error("the outbox is full: it has {messages} of {max_messages} messages and {bytes} of {max_bytes} bytes")]
    Full {
        /// How many messages there are.
        messages: u64,
        /// How many bytes they have.
        bytes: u64,
        /// How many there can be.
        max_messages: u64,
        /// How many bytes they can have.
        max_bytes: u64,
    },
    /// The message is larger than all of the outbox.
    #[error("the message has {bytes} bytes, and the outbox holds {max_bytes}")]
    TooLarge {
        /// The bytes of its topic and payload.
        bytes: u64,
        /// How many bytes there can be.
        max_bytes: u64,
    },
    /// The disk is full.
    #[error("there is no space left for the outbox {path}")]
    NoSpace {
        /// The file.
        path: String,
    },
    /// Reading or writing the file failed.
    #[error("the outbox {path} cannot be used: {reason}")]
    Io {
        /// The file.
        path: String,
        /// The operating system's reason.
        reason: String,
    },
}

impl OutboxError {
    /// A stable name for programs. Its first word says what kind of trouble it is: `input`, something has to be changed first;
    /// `delivery`, the message was not taken, and may be later.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            OutboxError::NotFound { .. } => "input.outbox_missing",
            OutboxError::NoDirectory { .. } => "input.outbox_directory",
            OutboxError::Permission { .. } => "input.outbox_permission",
            OutboxError::Exposed { .. } => "input.outbox_exposed",
            OutboxError::Foreign { .. } => "input.outbox_foreign",
            OutboxError::Version { .. } => "input.outbox_version",
            OutboxError::Damaged { .. } => "input.outbox_damaged",
            OutboxError::TooLarge { .. } => "input.outbox_too_large",
            OutboxError::InUse { .. } => "delivery.outbox_in_use",
            OutboxError::Full { .. } => "delivery.outbox_full",
            OutboxError::NoSpace { .. } => "delivery.outbox_no_space",
            OutboxError::Io { .. } => "delivery.outbox_failed",
        }
    }

    /// What to do about it, in a sentence; without a full stop.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        Some(match self {
            OutboxError::NotFound { .. } => "check the path; the program that publishes makes the file",
            OutboxError::NoDirectory { .. } => "check the path, or make the directory",
            OutboxError::Permission { .. } => "run as the user whose file it is",
            OutboxError::Exposed { .. } => "take the permissions of others away: chmod 600",
            OutboxError::InUse { .. } => "end the other program that has it open",
            OutboxError::Foreign { .. } => "check the path; the file was not touched",
            OutboxError::Version { .. } => "use the version that has written it",
            OutboxError::Damaged { .. } => "move the file away, and look whether the disk is in order",
            OutboxError::Full { .. } => "try again when messages have been delivered, or give it more room",
            OutboxError::TooLarge { .. } => "give the outbox more room (max_bytes), or make the message smaller",
            OutboxError::NoSpace { .. } => "make room on the disk; what is in the outbox is as it was",
            OutboxError::Io { .. } => "look whether the disk is in order, and can be written",
        })
    }

    /// Whether the same call may succeed later, without anything being changed in it.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.code().starts_with("delivery.")
    }

    pub(super) fn of_io(path: &Path, fault: &io::Error) -> OutboxError {
        let shown = path.display().to_string();
        match fault.kind() {
            ErrorKind::NotFound => OutboxError::NotFound { path: shown },
            ErrorKind::PermissionDenied => OutboxError::Permission { path: shown },
            ErrorKind::NotADirectory => OutboxError::NoDirectory { path: shown },
            ErrorKind::IsADirectory => OutboxError::Foreign { path: shown },
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                OutboxError::NoSpace { path: shown }
            }
            // The file is shorter than what stands in it says.
            ErrorKind::UnexpectedEof => OutboxError::Damaged { path: shown },
            _ => OutboxError::Io { path: shown, reason: fault.to_string() },
        }
    }

    pub(super) fn of_store(path: &Path, fault: &redb::Error) -> OutboxError {
        let shown = || path.display().to_string();
        match fault {
            // What redb says of a file that is none of its own.
            redb::Error::Io(fault) if fault.kind() == ErrorKind::InvalidData => OutboxError::Foreign { path: shown() },
            redb::Error::Io(fault) => OutboxError::of_io(path, fault),
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => {
                OutboxError::InUse { path: shown() }
            }
            redb::Error::UpgradeRequired(version) => OutboxError::Version { path: shown(), found: u64::from(*version) },
            redb::Error::Unsupported | redb::Error::PreviousIo | redb::Error::DatabaseClosed => {
                OutboxError::Io { path: shown(), reason: fault.to_string() }
            }
            // The rest is about content; its own words may quote it.
            _ => OutboxError::Damaged { path: shown() },
        }
    }
}
