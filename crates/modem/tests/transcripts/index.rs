//! The table in `fixtures/README.md` names every transcript, and every row of it is held by something that is there.

use std::collections::BTreeSet;
use std::fs;

use crate::{fixtures, transcripts};

/// What a row of the table says.
struct Row {
    number: String,
    transcripts: Vec<String>,
    /// Names of tests, and the files that they are in.
    tests: Vec<(String, String)>,
}

fn table() -> Vec<Row> {
    let readme = fs::read_to_string(fixtures().join("README.md")).expect("the README");
    let (_, table) = readme.split_once("## What goes wrong").expect("the table");
    let cells = |line: &str| line.split(" | ").map(|cell| cell.trim_matches(['|', ' ']).to_owned()).collect::<Vec<_>>();
    let rows = table.lines().filter(|line| line.starts_with('|')).skip(2).map(cells);
    rows.map(|cells| {
        let [number, _, held] = &cells[..] else { panic!("{cells:?} has not three cells") };
        let links = held.split("](").skip(1).filter_map(|link| link.split_once(')'));
        let tests = held.split(", ").filter_map(|item| item.trim_matches('`').split_once("` in `"));
        Row {
            number: number.clone(),
            transcripts: links.map(|(path, _)| path.to_owned()).collect(),
            tests: tests.map(|(name, file)| (name.to_owned(), file.to_owned())).collect(),
        }
    })
    .collect()
}

#[test]
fn the_table_has_a_row_for_every_failure_and_something_holds_it() {
    let rows = table();
    let numbers: Vec<_> = rows.iter().filter(|row| !row.number.is_empty()).map(|row| &*row.number).collect();
    for number in (1..=54).chain(59..=64).map(|number| format!("F{number:02}")) {
        assert!(numbers.contains(&&*number), "{number} is missing");
    }
    for row in &rows {
        assert!(!row.transcripts.is_empty() || !row.tests.is_empty(), "nothing holds {}", row.number);
        for (name, file) in &row.tests {
            let path = fixtures().join("..").join(file);
            let text = fs::read_to_string(&path).unwrap_or_else(|fault| panic!("{file}: {fault}"));
            assert!(text.contains(&format!("fn {name}(")), "{}: no {name} in {file}", row.number);
        }
    }
}

#[test]
fn the_table_and_the_headers_say_the_same() {
    let mut in_table = BTreeSet::new();
    for row in table() {
        in_table.extend(row.transcripts.into_iter().map(|path| (path, row.number.clone())));
    }
    let mut in_headers = BTreeSet::new();
    for (name, transcript) in transcripts() {
        let header = transcript.header;
        let numbers = header.catalogue.as_deref().unwrap_or_default();
        in_headers.extend(numbers.split(", ").map(|number| (name.clone(), number.to_owned())));
        for (key, value) in [("title", header.title), ("profile", header.profile), ("evidence", header.evidence)] {
            assert!(value.is_some(), "{name} has no {key}");
        }
    }
    assert_eq!(in_table, in_headers);
}
