//! What the file has to be.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::*;
use redb::TableDefinition;

fn filled(path: &Path) {
    let outbox = Outbox::open(path, OutboxOptions::default()).unwrap();
    for number in 0..20 {
        outbox.push(at(0), &message("secret/topic", format!("hunter2 {number}").repeat(300)), None).unwrap();
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_new_one_is_its_owners_alone_and_leaves_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox");
    filled(&path);
    assert_eq!(mode(&path), 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn one_that_others_can_use_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox");
    filled(&path);
    for wide in [0o640, 0o604, 0o620, 0o660, 0o601] {
        fs::set_permissions(&path, Permissions::from_mode(wide)).unwrap();
        let refused = Outbox::open_existing(&path).unwrap_err();
        assert!(matches!(refused, OutboxError::Exposed { mode, .. } if mode == wide), "{refused}");
        assert_eq!(mode(&path), wide);
    }
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    assert_eq!(Outbox::open_existing(&path).unwrap().status(at(0)).unwrap().messages, 20);
}

#[test]
fn one_that_is_open_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox");
    let outbox = Outbox::open(&path, OutboxOptions::default()).unwrap();
    for second in [Outbox::open(&path, OutboxOptions::default()), Outbox::open_existing(&path)] {
        assert!(matches!(second.unwrap_err(), OutboxError::InUse { .. }));
    }
    outbox.push(at(0), &numbered(0), None).unwrap();
    drop(outbox);
    assert_eq!(payloads(&Outbox::open_existing(&path).unwrap()), ["0"]);
}

#[test]
fn one_that_is_not_there_is_not_made_by_looking_at_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox");
    assert!(matches!(Outbox::open_existing(&path).unwrap_err(), OutboxError::NotFound { .. }));
    assert!(!path.exists());
    let nowhere = folder.path().join("nowhere/outbox");
    let missing = Outbox::open(&nowhere, OutboxOptions::default()).unwrap_err();
    assert_eq!(missing, OutboxError::NoDirectory { path: nowhere.display().to_string() });
}

fn refused_and_untouched(path: &Path, context: &str) -> OutboxError {
    let before = fs::read(path).unwrap();
    let refused = Outbox::open(path, OutboxOptions::default()).map(drop).expect_err(context);
    assert!(fs::read(path).unwrap() == before, "{context}: {refused}");
    for secret in ["hunter2", "secret/topic"] {
        assert!(!format!("{refused} {refused:?}").contains(secret), "{context}: {refused:?}");
    }
    refused
}

#[test]
fn a_file_of_something_else_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other");
    for content in [&b""[..], b"x", b"hunter2 ".repeat(10_000).as_slice(), &[0; 8192]] {
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let refused = refused_and_untouched(&path, "no database");
        assert!(matches!(refused, OutboxError::Foreign { .. }), "{refused}");
    }
    fs::remove_file(&path).unwrap();
    // A database, but another's; one that was not closed at that.
    let database = Database::create(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(TableDefinition::<u64, &str>::new("messages")).unwrap().insert(1, "hunter2").unwrap();
    transaction.commit().unwrap();
    let unclosed = folder.path().join("unclosed");
    fs::copy(&path, &unclosed).unwrap();
    drop(database);
    for path in [path, unclosed] {
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let refused = refused_and_untouched(&path, "another database");
        assert!(matches!(refused, OutboxError::Foreign { .. }), "{refused}");
    }
    assert!(matches!(Outbox::open(folder.path(), OutboxOptions::default()).unwrap_err(), OutboxError::Foreign { .. }));
}

#[test]
fn a_later_version_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox");
    filled(&path);
    let database = Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    let numbers = TableDefinition::<&str, u64>::new("atmqtt.outbox");
    transaction.open_table(numbers).unwrap().insert("format", 2).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let refused = refused_and_untouched(&path, "version 2");
    assert!(matches!(refused, OutboxError::Version { found: 2, .. }), "{refused}");
}

/// A byte that is wrong anywhere is either where nothing is, or it is found and nothing is touched.
#[test]
fn a_damaged_file_is_refused_and_left_alone_or_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox");
    filled(&path);
    let sound = fs::read(&path).unwrap();
    let expected = payloads(&Outbox::open_existing(&path).unwrap());
    let (mut dice, mut damaged) = (Dice(1), 0);
    let header = (0..320).step_by(3);
    let anywhere = (0..150).map(|_| usize::try_from(dice.roll(sound.len() as u64)).unwrap());
    let places: Vec<usize> = header.chain(anywhere).collect();
    for place in places {
        let mut content = sound.clone();
        content[place] ^= 0x55;
        fs::write(&path, &content).unwrap();
        match Outbox::open_existing(&path) {
            Ok(outbox) => assert_eq!(payloads(&outbox), expected, "byte {place}"),
            Err(_) => {
                damaged += 1;
                let refused = refused_and_untouched(&path, &format!("byte {place}"));
                assert!(refused.code().starts_with("input."), "byte {place}: {refused}");
            }
        }
    }
    assert!(damaged > 20, "{damaged} of them were noticed");
    for length in [1, 100, 320, 4096, 5000, sound.len() / 2, sound.len() - 1] {
        fs::write(&path, &sound[..length]).unwrap();
        refused_and_untouched(&path, &format!("cut at {length}"));
    }
}
