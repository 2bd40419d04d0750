//! Every dialogue in `fixtures/` is held. `fixtures/README.md` describes the format, and in how many ways each is replayed.

mod index;

use std::fs;
use std::path::{Path, PathBuf};

use atmqtt_modem::at::transcript::Transcript;
use atmqtt_modem::replay::{Mismatch, Pieces, Replay};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

/// Every transcript, with its path within the fixtures.
fn transcripts() -> Vec<(String, Transcript)> {
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
        let transcript = Transcript::parse(text).unwrap_or_else(|fault| panic!("{name}:{fault}"));
        (name, transcript)
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn every_transcript_is_held_whatever_the_pieces_with_echo_and_without() {
    let pieces = [Pieces::Whole, Pieces::Bytes].into_iter().chain((0..16).map(Pieces::Random));
    let ways: Vec<_> = pieces.flat_map(|pieces| [(pieces, false), (pieces, true)]).collect();
    let mut faults = Vec::new();
    for (name, transcript) in transcripts() {
        let ways = ways.iter().filter(|(_, echo)| !(*echo && transcript.header.shows_echo));
        let held = |(pieces, echo): &(Pieces, bool)| {
            Replay::begin(&transcript, *pieces, *echo)
                .and_then(Replay::run)
                .map_err(|fault| format!("{name}, {pieces:?}, echo {echo}: {fault}"))
        };
        faults.extend(ways.map(held).find_map(Result::err));
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn wherever_the_module_falls_silent_all_requests_end_and_the_next_one_works() {
    for (name, transcript) in transcripts() {
        for steps in 0..=transcript.steps.len() {
            Replay::begin(&transcript, Pieces::Whole, false)
                .and_then(|replay| replay.fall_silent_after(steps))
                .unwrap_or_else(|fault| panic!("{name}, silent after {steps} steps: {fault}"));
        }
    }
}

/// The test can fail: a dialogue that is not the driver's is refused, with its line.
#[test]
fn a_wrong_transcript_is_not_held() {
    let replay = |text: &str| {
        let transcript = Transcript::parse(text).expect("a transcript");
        Replay::begin(&transcript, Pieces::Bytes, false).and_then(Replay::run)
    };
    let text = "title: x\nprofile: lierda-nt26e\n\n@ connected\n! at AT+CSQ\n> AT+CSQ\\r\n";
    for (steps, line, fault) in [
        ("> AT+CIMI\\r\n", 6, "expected \"AT+CIMI\\r\", found \"AT+CSQ\\r\""),
        ("> AT+CSQ\\r\n< \\r\\nOK\\r\\n\n~ 1s\n= OK +CSQ: 1,1\n", 9, "found \"= OK\""),
        ("> AT+CSQ\\r\n< \\r\\n+ZZZ: 1\\r\\n\\r\\nOK\\r\\n\n= OK\n", 8, "found \"* unknown +ZZZ: 1\""),
        ("> AT+CSQ\\r\n~ 4s\n= modem.timed_out\n", 7, "1s early"),
        ("> AT+CSQ\\r\n~ 2s\n= modem.timed_out\n", 8, "found \"nothing\""),
        ("> AT+CSQ\\r\n< \\r\\nERROR\\r\\n\n", 7, "behind it the driver reports what is not expected here: = ERROR"),
        ("> AT+CSQ\\r\n> AT\\r\n", 7, "the driver writes nothing; is there a `!` line"),
        ("! dance\n", 6, "the driver writes what is not expected here: AT+CSQ"),
        ("> AT+CSQ\\r\n< \\r\\nERROR\\r\\n\n= ERROR\n! dance\n", 9, "\"dance\" is no request; these are"),
    ] {
        let Mismatch { line: found, fault: said } =
            replay(&text.replace("> AT+CSQ\\r\n", steps)).expect_err("a mismatch");
        assert!(found == line && said.contains(fault), "{steps:?}: {found}: {said}");
    }
    for (header, fault) in
        [("profile: x", "there is no profile \"x\"; these are there: lierda-n"), ("title: x", "has to name a profile")]
    {
        let mismatch = replay(&format!("{header}\n\n> AT\\r\n")).expect_err("a mismatch");
        assert!(mismatch.line == 1 && mismatch.fault.contains(fault), "{mismatch}");
    }
}

/// What is hidden may be anything, and comes back in the echo as what it was.
#[test]
fn hidden_text_is_held_whatever_it_is() {
    let text = "title: x\nprofile: lierda-nt26e\necho: shown\n\n! at AT+CPIN=\"47\"\n> AT+CPIN=\"\\*\"\\r\n\
        < AT+CPIN=\"\\*\"\\r\\r\\nOK\\r\\n\n= OK\n";
    let transcript = Transcript::parse(text).unwrap();
    assert_eq!(atmqtt_modem::replay::check(&transcript), Ok(()));
}
