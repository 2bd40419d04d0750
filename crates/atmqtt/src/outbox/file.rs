//! The file of an outbox: how it comes to be, and what it has to be to be opened.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use redb::backends::FileBackend;
use redb::{Database, ReadableDatabase, StorageBackend};

use super::OutboxError;
use super::held::Held;
use super::tables::{self, Fault};

/// The most memory that pages of the file take.
const CACHE: usize = 4 * 1024 * 1024;

/// Opens the file. It is read as a whole, so that damage shows here and not later.
pub(super) fn open(path: &Path) -> Result<Database, OutboxError> {
    let of_io = |fault: io::Error| OutboxError::of_io(path, &fault);
    let file = OpenOptions::new().read(true).write(true).open(path).map_err(of_io)?;
    // Of the file that is open, so that it cannot be exchanged in between.
    let about = file.metadata().map_err(of_io)?;
    let shown = || path.display().to_string();
    if !about.is_file() || about.len() == 0 {
        return Err(OutboxError::Foreign { path: shown() });
    }
    if let Some(mode) = exposed(&about) {
        return Err(OutboxError::Exposed { path: shown(), mode });
    }
    // Whoever made it may have ended before its name was on the disk, and a file without one has kept nothing.
    sync_directory(path).map_err(of_io)?;
    let backend = FileBackend::new(file).map_err(|fault| OutboxError::of_store(path, &fault.into()))?;
    open_on(backend).map_err(|fault| fault.told(path))
}

/// The same for whatever keeps bytes.
pub(super) fn open_on(backend: impl StorageBackend) -> Result<Database, Fault> {
    let (held, release) = Held::new(backend);
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE).set_check_integrity_on_open(true);
    let database = builder.create_with_backend(held)?;
    tables::check(&database.begin_read()?)?;
    release.release()?;
    Ok(database)
}

/// Makes an empty outbox, unless there is a file already. It is complete before it has its name: what a crash leaves of it is a
/// file with another name.
pub(super) fn create(path: &Path) -> Result<(), OutboxError> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let of_io = |fault: io::Error| OutboxError::of_io(path, &fault);
    if path.try_exists().map_err(of_io)? {
        return Ok(());
    }
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".new-{}-{count}", std::process::id()));
    let unborn = path.with_file_name(name);
    let file = for_owner_only(&unborn).map_err(|fault| match fault.kind() {
        ErrorKind::NotFound => OutboxError::NoDirectory { path: path.display().to_string() },
        _ => of_io(fault),
    })?;
    let made = FileBackend::new(file).map_err(Fault::from).and_then(make_on).map_err(|fault| fault.told(path));
    let made = made.and_then(|()| give_name(&unborn, path).map_err(of_io));
    // Where it was renamed, it is not there any more.
    let _ = fs::remove_file(&unborn);
    made
}

/// Makes a file that nobody else can read.
fn for_owner_only(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes an empty outbox on whatever keeps bytes.
pub(super) fn make_on(backend: impl StorageBackend) -> Result<(), Fault> {
    let database = Database::builder().set_cache_size(CACHE).create_with_backend(backend)?;
    let transaction = database.begin_write()?;
    tables::make(&transaction)?;
    transaction.commit()?;
    database.close()?;
    Ok(())
}

/// Gives the file its name, but takes it from no other.
fn give_name(unborn: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(unborn, path) {
        Ok(()) => Ok(()),
        // Another program was quicker.
        Err(fault) if fault.kind() == ErrorKind::AlreadyExists => Ok(()),
        // A file system without links, such as FAT.
        Err(_) if !path.try_exists()? => fs::rename(unborn, path),
        Err(fault) => Err(fault),
    }
}

#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(directory)?.sync_all()
}

/// Elsewhere a directory cannot be opened as a file.
#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

/// The permissions of a file that others than its owner can do something with.
#[cfg(unix)]
fn exposed(about: &fs::Metadata) -> Option<u32> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o7777;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(not(unix))]
fn exposed(_: &fs::Metadata) -> Option<u32> {
    None
}
