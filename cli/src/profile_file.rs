//! `--modem FILE`: a profile of the user's own.

use std::fs::File;
use std::io::Read;
use std::path::is_separator;

use atmqtt::{InvalidProfile, Place, Profile, ProfileFault};

use crate::exit::Failure;
use crate::nearest::nearest;

/// The longest file that is read, in bytes. A profile has a few thousand.
const LONGEST: u64 = 1 << 20;
/// More words than these are not listed in a help text.
const FEW: usize = 12;

/// Whether what was typed is a file's path, and not a profile's name.
pub(crate) fn is_path(typed: &str) -> bool {
    typed.ends_with(".toml") || typed.contains(is_separator)
}

/// Reads a profile.
pub(crate) fn read(path: &str) -> Result<Profile, Failure> {
    let unreadable = |why: String| Failure::new("input.profile", format!("the profile {path} {why}"));
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes));
    read.map_err(|fault| unreadable(format!("cannot be read: {fault}")))?;
    if bytes.len() as u64 > LONGEST {
        return Err(unreadable(format!("is longer than {LONGEST} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|fault| {
        let sound = String::from_utf8_lossy(&fault.as_bytes()[..fault.utf8_error().valid_up_to()]);
        let place = Place::of(&sound, sound.len());
        Failure::new("input.profile", format!("{}: this is not UTF-8", at(path, place)))
            .help("a profile is a text in UTF-8")
    })?;
    Profile::parse(&text).map_err(|InvalidProfile { place, fault, .. }| {
        Failure::new("input.profile", format!("{}: {fault}", at(path, place))).help(help(&fault))
    })
}

/// `acme.toml:3:18`, as compilers write it.
fn at(path: &str, place: Option<Place>) -> String {
    match place {
        Some(Place { line, column }) => format!("{path}:{line}:{column}"),
        None => path.to_owned(),
    }
}

fn help(fault: &ProfileFault) -> String {
    let Some((written, known)) = fault.choice() else {
        return match fault {
            ProfileFault::Missing { key } if key == "model.name" => {
                "the profile needs a name of its own: [model] name = \"acme-100\", for instance"
            }
            ProfileFault::Missing { .. } => {
                "with base = \"lierda-nt26e\", for instance, that profile has what a file does not say"
            }
            _ => "README.md shows what a profile file says",
        }
        .to_owned();
    };
    let meant = nearest(written, known.iter().copied()).map(|meant| format!("did you mean {meant}?"));
    // A long list is of use to whoever has no idea, and in the way of everybody else.
    let list = (known.len() <= FEW || meant.is_none()).then(|| format!("these are known: {}", known.join(", ")));
    [meant, list].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_from_a_name() {
        for path in ["acme.toml", "./acme", "/etc/acme.toml", "profiles/acme", ".toml"] {
            assert!(is_path(path), "{path}");
        }
        for name in ["lierda-nt35e", "auto", "", "acme.tom", "toml"] {
            assert!(!is_path(name), "{name}");
        }
    }

    fn read_bytes(content: &[u8]) -> Result<Profile, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("acme.toml");
        std::fs::write(&path, content).unwrap();
        let path = path.to_str().unwrap();
        read(path).map_err(|failure| Failure { message: failure.message.replace(path, "acme.toml"), ..failure })
    }

    #[test]
    fn a_fault_is_told_with_its_place_and_what_was_meant() {
        let own = "base = \"lierda-nt26e\"\nmodel.name = \"acme-100\"\n";
        for (content, message, help) in [
            (
                format!("{own}[limits]\ntopc = 1"),
                "acme.toml:4:1: there is no key \"topc\" in [limits]",
                "did you mean topic? these are known: connections, host,",
            ),
            (
                "base = \"lierda-nt25e\"".to_owned(),
                "acme.toml:1:8: base cannot be \"lierda-nt25e\"",
                "did you mean lierda-nt35e?",
            ),
            (
                "base = \"nokia\"".to_owned(),
                "acme.toml:1:8: base cannot be \"nokia\"",
                "these are known: lierda-nt35e, lierda-nt26e,",
            ),
            (String::new(), "acme.toml: model.name is missing", "the profile needs a name of its own"),
            ("model.name = \"acme-100\"".to_owned(), "acme.toml:1:1: model.vendor is missing", "with base ="),
            (format!("{own}limits"), "acme.toml:3:7: this is no TOML: ", "README.md"),
        ] {
            let failure = read_bytes(content.as_bytes()).unwrap_err();
            assert_eq!((failure.code, failure.exit() as u8), ("input.profile", 2), "{failure}");
            assert!(failure.message.starts_with(message), "{failure}");
            let found = failure.help.as_deref().unwrap();
            assert!(found.starts_with(help), "{failure}: {found}");
        }
    }

    #[test]
    fn a_file_that_is_no_text_is_told_so() {
        let failure = read_bytes(b"base = \"lierda-nt26e\"\n# \xe6\xb8\xa9 \xff").unwrap_err();
        assert_eq!(failure.message, "acme.toml:2:5: this is not UTF-8");
        let failure = read_bytes(&vec![b'\n'; 1 + usize::try_from(LONGEST).unwrap()]).unwrap_err();
        assert_eq!(failure.message, "the profile acme.toml is longer than 1048576 bytes");
        for path in ["/nowhere/acme.toml", "/"] {
            let failure = read(path).unwrap_err();
            assert_eq!((failure.code, failure.exit() as u8), ("input.profile", 2));
            assert!(failure.message.starts_with(&format!("the profile {path} cannot be read: ")), "{failure}");
        }
    }
}
