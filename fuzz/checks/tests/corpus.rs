//! The promises of every fuzz target, held on its corpus and on inputs made from it, without a fuzzer.

use std::fs;
use std::path::Path;
use std::thread;

type Check = fn(&[u8]);

#[test]
fn reader() {
    hold("reader", atmqtt_fuzz_checks::reader, 20_000);
}

#[test]
fn grammar() {
    hold("grammar", atmqtt_fuzz_checks::grammar, 20_000);
}

#[test]
fn channel() {
    hold("channel", atmqtt_fuzz_checks::channel, 20_000);
}

#[test]
fn driver() {
    hold("driver", atmqtt_fuzz_checks::driver, 6_000);
}

#[test]
fn transcript() {
    hold("transcript", atmqtt_fuzz_checks::transcript, 20_000);
}

/// Runs every file of the corpus, and as many inputs made from pieces of them.
fn hold(target: &str, check: Check, generated: u64) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus").join(target);
    let mut files: Vec<_> =
        fs::read_dir(&folder).expect("a corpus").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "the corpus is not where it should be");
    let mut corpus = Vec::new();
    for file in files {
        let input = fs::read(&file).expect("a file of the corpus");
        held(check, &input, &file.display().to_string());
        corpus.push(input);
    }
    for seed in 0..generated {
        held(check, &Maker(seed).input(&corpus), &format!("seed {seed}"));
    }
}

fn held(check: Check, input: &[u8], name: &str) {
    let _shown = Shown { input, name };
    check(input);
}

/// Says which input it was, so that it can be put into the corpus.
struct Shown<'a> {
    input: &'a [u8],
    name: &'a str,
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}: printf '{}'", self.name, self.input.escape_ascii().to_string().replace('%', "%%"));
        }
    }
}

/// Makes inputs: pieces of the corpus one after the other, some of their bytes changed. A seed always makes the same input.
struct Maker(u64);

impl Maker {
    fn input(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        // The beginning of a file says how the rest is run.
        let mut input = corpus[self.below(corpus.len())].clone();
        let kept = self.below(input.len() + 1);
        input.truncate(kept);
        for _ in 0..self.below(6) {
            let other = &corpus[self.below(corpus.len())];
            let from = self.below(other.len() + 1);
            let to = from + self.below((other.len() - from).min(48) + 1);
            input.extend_from_slice(&other[from..to]);
        }
        for _ in 0..self.below(4) {
            let at = self.below(input.len().max(1));
            if let Some(byte) = input.get_mut(at) {
                *byte = u8::try_from(self.below(256)).expect("a byte");
            }
        }
        input
    }

    fn below(&mut self, limit: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % limit as u64).expect("less than a length")
    }
}
