//! The README's table: a row for each behaviour, a column for all modules that behave alike.

use std::fmt::Write;

use crate::behaviour::{Group, Seen, Short};
use crate::subject::Subject;

/// Modules of which the same was seen, by their places in [`Subject::all`].
type Column = Vec<usize>;

/// The table, made from what was seen.
pub(crate) fn made(groups: &[&Group]) -> String {
    let subjects: Vec<_> = Subject::all().collect();
    let rows: Vec<_> = groups.iter().flat_map(|group| group.seen()).collect();
    let alike = |one: usize, other: usize| {
        subjects[one].dialect() == subjects[other].dialect() && rows.iter().all(|row| row.seen[one] == row.seen[other])
    };
    let mut columns = Vec::<Column>::new();
    for place in 0..subjects.len() {
        match columns.iter_mut().find(|column| alike(column[0], place)) {
            Some(column) => column.push(place),
            None => columns.push(vec![place]),
        }
    }

    let mut notes = Vec::new();
    let mut table = String::from("| |");
    for column in &columns {
        let names: Vec<_> = column.iter().map(|place| format!("`{}`", subjects[*place].name())).collect();
        write!(table, " {}: {} |", subjects[column[0]].dialect(), names.join(", ")).expect("a string takes all");
    }
    table += &format!("\n| --- |{}\n", " :-: |".repeat(columns.len()));
    for group in groups {
        table += &format!("| **{}** |{}\n", group.title, " |".repeat(columns.len()));
        for row in group.seen() {
            table += &format!("| {} |", row.name);
            for column in &columns {
                table += &format!(" {} |", shown(&row.seen[column[0]], &mut notes));
            }
            table.push('\n');
        }
    }
    for (place, note) in notes.iter().enumerate() {
        table += &format!("{}{} {note}", if place == 0 { "\n" } else { "  \n" }, raised(place + 1));
    }
    table
}

fn shown(seen: &Seen, notes: &mut Vec<String>) -> String {
    match seen {
        Ok(()) => "✓".to_owned(),
        Err(Short::NotTold) => "not told".to_owned(),
        Err(Short::Refused(code)) => format!("`{code}`"),
        Err(Short::Partly(note)) => {
            let place = notes.iter().position(|known| known == note).unwrap_or_else(|| {
                notes.push(note.clone());
                notes.len() - 1
            });
            format!("✓{}", raised(place + 1))
        }
    }
}

/// A number as footnotes have it.
fn raised(number: usize) -> String {
    let digit = |digit: char| ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][digit as usize - '0' as usize];
    number.to_string().chars().map(digit).collect()
}
