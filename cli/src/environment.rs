//! What the environment of the process says.

use std::collections::BTreeMap;

use crate::exit::Failure;

/// The variables `ATMQTT_…`. One that is empty counts as not set.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment(BTreeMap<String, String>);

impl Environment {
    /// These, and no others.
    #[cfg(test)]
    pub(crate) fn of(variables: &[(&str, &str)]) -> Environment {
        Environment(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    pub(crate) fn of_process() -> Result<Environment, Failure> {
        let ours = std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"ATMQTT_"));
        ours.map(|(name, value)| {
            let name = name.to_string_lossy().into_owned();
            let value = value.into_string().map_err(|_| Failure::usage(format!("{name} is not UTF-8")))?;
            Ok((name, value))
        })
        .collect::<Result<_, Failure>>()
        .map(Environment)
    }

    /// What was typed, or else what the variable says.
    pub(crate) fn or<'a>(&'a self, typed: Option<&'a String>, variable: &str) -> Option<&'a str> {
        typed.or_else(|| self.0.get(variable).filter(|value| !value.is_empty())).map(String::as_str)
    }
}
