//! The README's table of limits says what the profiles say.

use std::fmt::Write;

use atmqtt_modem::Profile;
use atmqtt_tests::readme_says;

/// The columns: a figure, and what heads it.
const COLUMNS: [(&str, &str); 9] = [
    ("limits.connections", "connections"),
    ("limits.host", "host"),
    ("limits.client_id", "client id"),
    ("limits.username", "user"),
    ("limits.password", "password"),
    ("limits.topic", "topic"),
    ("limits.inline_payload", "payload in the command line"),
    ("limits.prompt_payload", "payload behind a prompt"),
    ("limits.keep_alive", "keep-alive, s"),
];

/// The table, made from the shipped profiles.
fn table() -> String {
    let mut table = String::from("| profile | dialect |");
    for (_, head) in COLUMNS {
        write!(table, " {head} |").unwrap_or_default();
    }
    table += &format!("\n|{}\n", " --- |".repeat(COLUMNS.len() + 2));
    for profile in Profile::shipped() {
        write!(table, "| `{}` | `{}` |", profile.model.name, profile.model.dialect).unwrap_or_default();
        for (name, _) in COLUMNS {
            match profile.figures().into_iter().find(|figure| figure.name == name) {
                Some(figure) => {
                    let value = figure.value.to_string();
                    write!(table, " {} ({}) |", value.trim_end_matches(" bytes"), figure.evidence).unwrap_or_default();
                }
                None => table += " none |",
            }
        }
        table += "\n";
    }
    table
}

#[test]
fn every_column_is_a_figure() {
    let profile = Profile::named("lierda-nt26e").expect("a shipped profile");
    for (name, head) in COLUMNS {
        assert!(profile.figures().iter().any(|figure| figure.name == name), "{head}");
    }
}

#[test]
fn the_table_of_limits_is_that_of_the_profiles() {
    readme_says("figures", &table());
}
