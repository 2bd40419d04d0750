//! Where a secret is put: in a file that nobody else can read, whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use atmqtt_credentials::aliyun::registration::Registered;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use zeroize::Zeroizing;

use crate::exit::Failure;

/// Room that is taken beforehand, in bytes: more than any answer has.
const ROOM: usize = 4096;

/// A file under another name, with room for a secret. It goes when it is dropped.
#[derive(Debug)]
pub(crate) struct Reserved {
    file: File,
    /// Its name until it is kept.
    draft: PathBuf,
    path: PathBuf,
    is_kept: bool,
}

/// A secret is on the disk.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) path: PathBuf,
}

impl Reserved {
    /// Makes the file beside `path`, so that a directory that takes none, a disk that is full, or another file in its place are found
    /// before the cloud has given anything.
    pub(crate) fn at(path: &Path) -> Result<Reserved, Failure> {
        match path.symlink_metadata() {
            Ok(_) => return Err(exists(path)),
            Err(fault) if fault.kind() == ErrorKind::NotFound => {}
            Err(fault) => return Err(unwritable(path, &fault)),
        }
        let name =
            path.file_name().ok_or_else(|| Failure::usage(format!("{} is no name of a file", path.display())))?;
        let mut draft = name.to_os_string();
        draft.push(format!(".{}.new", std::process::id()));
        let draft = path.with_file_name(draft);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let file = options.open(&draft).map_err(|fault| unwritable(path, &fault))?;
        let mut reserved = Reserved { file, draft, path: path.to_owned(), is_kept: false };
        let taken = reserved.file.write_all(&[b'\n'; ROOM]).and_then(|()| reserved.file.sync_all());
        taken.map_err(|fault| unwritable(path, &fault))?;
        Ok(reserved)
    }

    /// Has the secret on the disk, under its own name, when this returns. It does not replace what has that name meanwhile.
    pub(crate) fn keep(mut self, registered: &Registered) -> Result<Kept, Failure> {
        let content = content(registered);
        let written = self.write(content.as_bytes());
        written.map_err(|fault| not_kept(&format!("{} cannot be written: {fault}", self.path.display())))?;
        // From here on it is there, under one name or the other.
        self.is_kept = true;
        match self.publish() {
            Ok(()) => Ok(Kept { path: self.path.clone() }),
            Err(fault) => {
                let (draft, path) = (self.draft.display(), self.path.display());
                Err(Failure::new(
                    "delivery.not_saved",
                    format!("the secret is in {draft}, and {path} cannot be made: {fault}"),
                )
                .help(format!("move it where it belongs: mv {draft} FILE")))
            }
        }
    }

    fn write(&mut self, content: &[u8]) -> io::Result<()> {
        self.file.rewind()?;
        self.file.write_all(content)?;
        self.file.set_len(content.len() as u64)?;
        self.file.sync_all()
    }

    fn publish(&self) -> io::Result<()> {
        let linked = match fs::hard_link(&self.draft, &self.path) {
            Ok(()) => fs::remove_file(&self.draft),
            Err(fault) if fault.kind() == ErrorKind::AlreadyExists => return Err(fault),
            // A file system without links, such as that of a memory card.
            Err(_) => renameat_with(CWD, &self.draft, CWD, &self.path, RenameFlags::NOREPLACE).map_err(io::Error::from),
        };
        linked?;
        let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if !self.is_kept {
            // Nobody is to be told: what ends here has its own reason.
            let _ = fs::remove_file(&self.draft);
        }
    }
}

/// A line: the secret itself, as `file:PATH` takes it; or a client id and its token. Neither has a blank in it.
fn content(registered: &Registered) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(ROOM));
    match registered {
        Registered::DeviceSecret(secret) => text.push_str(secret.expose()),
        Registered::Token { client_id, device_token } => {
            for part in [client_id, " ", device_token.expose()] {
                text.push_str(part);
            }
        }
    }
    text.push('\n');
    text
}

fn exists(path: &Path) -> Failure {
    Failure::new("input.exists", format!("{} is there already", path.display()))
        .help("name a file that is not there: a secret is not written over another one")
}

fn unwritable(path: &Path, fault: &io::Error) -> Failure {
    Failure::new("input.unwritable", format!("{} cannot be written: {fault}", path.display()))
}

fn not_kept(why: &str) -> Failure {
    Failure::new("delivery.not_saved", format!("the cloud gave a secret, and it is lost: {why}"))
        .help("register again: until it signs in for the first time, a device gets a new secret each time")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use atmqtt_credentials::Secret;

    use super::*;

    fn secret() -> Registered {
        Registered::DeviceSecret(Secret::new("s3cret"))
    }

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_secret_is_kept_whole_and_for_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let token = Registered::Token { client_id: "c1".to_owned(), device_token: Secret::new("^1^t0ken") };
        for (registered, expected) in [(secret(), "s3cret\n"), (token, "c1 ^1^t0ken\n")] {
            let path = directory.path().join("secret");
            let kept = Reserved::at(&path).unwrap().keep(&registered).unwrap();
            assert_eq!((kept.path.as_path(), fs::read_to_string(&path).unwrap().as_str()), (path.as_path(), expected));
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, 0o600);
            assert_eq!(names(directory.path()), ["secret"]);
            fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn what_is_there_is_refused_before_and_not_replaced_later() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        let reserved = Reserved::at(&path).unwrap();
        fs::write(&path, "another\n").unwrap();
        assert_eq!(Reserved::at(&path).unwrap_err().code, "input.exists");
        let failure = reserved.keep(&secret()).unwrap_err();
        assert_eq!((failure.code, fs::read_to_string(&path).unwrap().as_str()), ("delivery.not_saved", "another\n"));
        // It is not lost, and the failure says where it is.
        let draft = names(directory.path()).into_iter().find(|name| name != "secret").unwrap();
        assert!(failure.message.contains(&draft) && !failure.message.contains("s3cret"), "{failure}");
        assert_eq!(fs::read_to_string(directory.path().join(draft)).unwrap(), "s3cret\n");

        std::os::unix::fs::symlink("nowhere", directory.path().join("link")).unwrap();
        assert_eq!(Reserved::at(&directory.path().join("link")).unwrap_err().code, "input.exists");
        assert_eq!(Reserved::at(&directory.path().join("none/secret")).unwrap_err().code, "input.unwritable");
        assert_eq!(Reserved::at(Path::new("/")).unwrap_err().code, "input.exists");
    }

    #[test]
    fn what_is_not_kept_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let reserved = Reserved::at(&directory.path().join("secret")).unwrap();
        assert_eq!(names(directory.path()).len(), 1);
        drop(reserved);
        assert_eq!(names(directory.path()), [""; 0]);
    }
}
