//! Deliberate faults, to see whether the simulated world finds them.

use std::fs;
use std::path::Path;

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

    /// Changes the files below `root`.
    ///
    /// # Errors
    /// A file is not there, or what is to be replaced is not in it exactly once. Nothing has been changed then.
    pub fn apply(&self, root: &Path) -> Result<(), String> {
        let first = (self.file.clone(), self.find.clone(), self.replace.clone());
        let mut changed: Vec<(&str, String)> = Vec::new();
        let steps: Vec<_> = std::iter::once(first).chain(self.also.iter().cloned()).collect();
        for (file, find, replace) in &steps {
            let before = match changed.iter().position(|(name, _)| *name == file.as_str()) {
                Some(index) => changed.remove(index).1,
                None => fs::read_to_string(root.join(file)).map_err(|fault| format!("{file}: {fault}"))?,
            };
            let count = before.matches(find.as_str()).count();
            if count != 1 {
                return Err(format!("{}: {find:?} stands {count} times in {file}", self.name));
            }
            changed.push((file, before.replace(find.as_str(), replace)));
        }
        for (file, text) in changed {
            fs::write(root.join(file), text).map_err(|fault| format!("{file}: {fault}"))?;
        }
        Ok(())
    }
}
