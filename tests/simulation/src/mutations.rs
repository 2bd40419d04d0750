//! Deliberate faults, to see whether the simulated world finds them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// A change to the driver that breaks a promise.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutation {
    /// What is wrong with a driver that has it.
    pub name: String,
    /// The file that is changed, from the root of the workspace.
    pub file: String,
    /// What is replaced.
    pub find: String,
    /// What stands there instead.
    pub replace: String,
    /// Further changes: file, what is replaced, what stands there instead.
    #[serde(default)]
    pub also: Vec<(String, String, String)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    mutation: Vec<Mutation>,
}

impl Mutation {
    /// All of them.
    ///
    /// # Panics
    /// The list cannot be read.
    #[must_use]
    pub fn all() -> Vec<Mutation> {
        let list: List = toml::from_str(include_str!("../mutations.toml")).expect("the list of mutations");
        list.mutation
    }

    /// Changes the files below `root`, and gives what undoes it.
    ///
    /// # Errors
    /// A file is not there, or what is to be replaced is not in it exactly once. Nothing has been changed then.
    pub fn apply(&self, root: &Path) -> Result<Undo, String> {
        let mut undo = Undo::default();
        let mut changed: BTreeMap<PathBuf, String> = BTreeMap::new();
        let first = (self.file.clone(), self.find.clone(), self.replace.clone());
        for (file, find, replace) in std::iter::once(&first).chain(&self.also) {
            let path = root.join(file);
            let text = match changed.remove(&path) {
                Some(text) => text,
                None => {
                    let text = fs::read_to_string(&path).map_err(|fault| format!("{file}: {fault}"))?;
                    undo.0.push((path.clone(), text.clone()));
                    text
                }
            };
            let count = text.matches(find.as_str()).count();
            if count != 1 {
                return Err(format!("{}: {find:?} stands {count} times in {file}", self.name));
            }
            changed.insert(path, text.replace(find.as_str(), replace));
        }
        write_all(changed)?;
        Ok(undo)
    }
}

/// The files as they were before a mutation.
#[derive(Debug, Default)]
#[must_use = "the mutation stays in the files"]
pub struct Undo(Vec<(PathBuf, String)>);

impl Undo {
    /// Writes them back.
    ///
    /// # Errors
    /// One cannot be written.
    pub fn undo(self) -> Result<(), String> {
        write_all(self.0)
    }
}

fn write_all(files: impl IntoIterator<Item = (PathBuf, String)>) -> Result<(), String> {
    files
        .into_iter()
        .try_for_each(|(path, text)| fs::write(&path, text).map_err(|fault| format!("{}: {fault}", path.display())))
}
