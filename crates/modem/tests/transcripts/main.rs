//! Every dialogue in `fixtures/` is held. `fixtures/README.md` describes the format, and in how many ways each is replayed.

mod index;
mod replay;
mod script;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

use replay::{Pieces, Replay};
use script::Script;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

/// Every transcript, with its path within the fixtures.
fn transcripts() -> Vec<(String, Script)> {
    fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "at") {
                found.push(path);
            }
        }
    }
    let folder = fixtures();
    let mut paths = Vec::new();
    collect(&folder, &mut paths);
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.strip_prefix(&folder).expect("within the folder").to_str().expect("a name").to_owned();
        let text = fs::read_to_string(&path).expect("a transcript");
        let script = Script::parse(&text).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        (name, script)
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn every_transcript_is_held_whatever_the_pieces_with_echo_and_without() {
    let pieces = [Pieces::Whole, Pieces::Bytes].into_iter().chain((0..16).map(Pieces::Random));
    let ways: Vec<_> = pieces.flat_map(|pieces| [(pieces, false), (pieces, true)]).collect();
    let mut faults = Vec::new();
    for (name, script) in transcripts() {
        let ways = ways.iter().filter(|(_, echo)| !(*echo && script.has_own_echo()));
        let held = |(pieces, echo): &(Pieces, bool)| {
            Replay::begin(&script, *pieces, *echo)
                .and_then(Replay::run)
                .map_err(|fault| format!("{name}, {pieces:?}, echo {echo}: {fault}"))
        };
        faults.extend(ways.map(held).find_map(Result::err));
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn wherever_the_module_falls_silent_all_requests_end_and_the_next_one_works() {
    for (name, script) in transcripts() {
        for steps in 0..=script.steps.len() {
            Replay::begin(&script, Pieces::Whole, false)
                .and_then(|replay| replay.fall_silent_after(steps))
                .unwrap_or_else(|fault| panic!("{name}, silent after {steps} steps: {fault}"));
        }
    }
}

/// The test can fail: a dialogue that is not the driver's is refused, with its line.
#[test]
fn a_wrong_transcript_is_not_held() {
    let replay = |text: &str| {
        let script = Script::parse(text)?;
        Replay::begin(&script, Pieces::Bytes, false).and_then(Replay::run)
    };
    let text = "title: x\nprofile: lierda-nt26e\n\n@ connected\n! at AT+CSQ\n> AT+CSQ\\r\n";
    for (steps, fault) in [
        ("> AT+CIMI\\r\n", "line 6"),
        ("> AT+CSQ\\r\n< \\r\\nOK\\r\\n\n= OK +CSQ: 1,1\n", "line 8"),
        ("> AT+CSQ\\r\n< \\r\\n+ZZZ: 1\\r\\n\\r\\nOK\\r\\n\n= OK\n", "line 8"),
        ("> AT+CSQ\\r\n~ 4s\n= modem.timed_out\n", "line 7"),
        ("> AT+CSQ\\r\n~ 2s\n= modem.timed_out\n", "line 8"),
        ("> AT+CSQ\\r\n< \\r\\nOK\\r\\n\n", "at the end"),
        ("> AT+CSQ\\r\n? nothing\n", "line 7"),
        ("> AT+CSQ\\r\n< \\q\n", "line 7"),
    ] {
        let found = replay(&text.replace("> AT+CSQ\\r\n", steps)).expect_err("a fault");
        assert!(found.starts_with(fault), "{steps:?}: {found}");
    }
}
