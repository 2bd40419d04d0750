//! The parts of the README that are made by tests.

use std::fs;

/// Where the README is.
const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");

/// Holds what stands in the README between `<!-- name -->` and `<!-- end of name -->` against `made`. With `ATMQTT_UPDATE=1` it is
/// put there instead.
///
/// # Panics
/// When the README says something else, or has no such part.
pub fn readme_says(name: &str, made: &str) {
    let readme = fs::read_to_string(README).expect("a README");
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let (before, rest) = readme.split_once(&begin).unwrap_or_else(|| panic!("the README has no {begin:?}"));
    let (shown, after) = rest.split_once(&end).unwrap_or_else(|| panic!("the README has no {end:?}"));
    let made = made.trim_end();
    if shown.trim_end() == made {
        return;
    }
    if std::env::var_os("ATMQTT_UPDATE").is_some_and(|value| value == "1") {
        fs::write(README, [before, &begin, made, "\n", &end, after].concat()).expect("a README that can be written");
        return;
    }
    let differ = shown.lines().zip(made.lines()).find(|(shown, made)| shown != made);
    panic!("the README's {name} are not what was found; first:\n{differ:#?}\nrun this test with ATMQTT_UPDATE=1");
}
