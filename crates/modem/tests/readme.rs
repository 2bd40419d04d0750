//! The README's table of figures says what the profiles say.

use std::fmt::Write;

use atmqtt_modem::Profile;

/// The table, made from the shipped profiles.
fn table() -> String {
    let profiles = Profile::shipped();
    let mut table = String::from("| figure |");
    for profile in profiles {
        write!(table, " `{}` |", profile.model.name).unwrap_or_default();
    }
    table += &format!("\n|{}\n", " --- |".repeat(profiles.len() + 1));
    let mut names: Vec<&str> = Vec::new();
    for figure in profiles.iter().flat_map(Profile::figures) {
        if !names.contains(&figure.name) {
            names.push(figure.name);
        }
    }
    for name in names {
        write!(table, "| `{name}` |").unwrap_or_default();
        for profile in profiles {
            match profile.figures().into_iter().find(|figure| figure.name == name) {
                Some(figure) => write!(table, " {} ({}) |", figure.value, figure.evidence).unwrap_or_default(),
                None => table += " none |",
            }
        }
        table += "\n";
    }
    table
}

#[test]
fn the_table_of_figures_is_that_of_the_profiles() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).expect("a README");
    let shown =
        readme.split_once("<!-- figures -->\n").and_then(|(_, rest)| rest.split_once("<!-- end of figures -->"));
    let shown = shown.map(|(table, _)| table.trim_end());
    assert_eq!(shown, Some(table().trim_end()), "\nput this into the README:\n\n{}", table());
}
