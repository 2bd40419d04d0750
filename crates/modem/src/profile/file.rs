//! A profile that somebody else has written.

use std::collections::BTreeSet;

use toml::de::DeTable;
use toml::{Spanned, Table, Value};

use super::check::check;
use super::invalid::{InvalidProfile, ProfileFault};
use super::schema::{BASE, Form, Presence, TABLES, USB};
use super::{Profile, SHIPPED};

impl Profile {
    /// Reads a profile of one's own, for a module that no shipped profile knows, or knows well.
    ///
    /// It is written like the shipped ones: lengths in bytes, times in seconds, each figure with its evidence. With `base`, the
    /// name of a shipped profile, everything but the name may be left out, and is that profile's; a figure that is there takes
    /// the place of the base's as a whole. What a base has cannot be taken away.
    ///
    /// It is in force where it is asked for and nowhere else, so `fallback` is read and means nothing.
    ///
    /// ```
    /// use atmqtt_modem::Profile;
    ///
    /// let profile = Profile::parse(
    ///     r#"
    ///     base = "lierda-nt26e"
    ///     [model]
    ///     name = "acme-100"
    ///     [limits]
    ///     topic = { bytes = 128, evidence = "measured" }
    ///     [timeouts]
    ///     open = { seconds = 90, evidence = "inferred" }
    ///     "#,
    /// )?;
    /// assert_eq!(profile.limits.topic.value, 128);
    /// assert_eq!(profile.limits.host.value, 100);
    ///
    /// let fault = Profile::parse("base = \"lierda-nt26\"").unwrap_err();
    /// assert_eq!(fault.to_string(), "line 1, column 8: base cannot be \"lierda-nt26\"");
    /// # Ok::<(), atmqtt_modem::InvalidProfile>(())
    /// ```
    ///
    /// # Errors
    /// What is wrong with it, with line and column where it has them: it is no TOML, a key is unknown or missing, a figure has
    /// another unit, a number is out of range, a word is unknown, the name is that of a shipped profile.
    pub fn parse(text: &str) -> Result<Profile, InvalidProfile> {
        let syntax = |fault: &toml::de::Error| {
            // In one line.
            let reason = fault.message().split_whitespace().collect::<Vec<_>>().join(" ");
            ProfileFault::Syntax(reason).at(text, fault.span())
        };
        let document = DeTable::parse(text).map_err(|fault| syntax(&fault))?;
        check(text, document.get_ref())?;
        let written: Table = text.parse().map_err(|fault| syntax(&fault))?;
        let own = own_figures(&written);
        let merged = merge(text, document.get_ref(), written)?;
        // What was checked can be read.
        let mut profile: Profile = Value::Table(merged).try_into().map_err(|fault| syntax(&fault))?;
        profile.model.fallback = false;
        profile.own = own;
        Ok(profile)
    }
}

/// The names of the figures that are written.
fn own_figures(written: &Table) -> BTreeSet<Box<str>> {
    let in_table = |table: &'static super::schema::Table| {
        let content = written.get(table.name).and_then(Value::as_table);
        let figures = table.keys.iter().filter(|key| matches!(key.form, Form::Figure(_)));
        figures
            .filter(move |key| content.is_some_and(|content| content.contains_key(key.name)))
            .map(|key| table.figure(key.name).into())
    };
    let devices = written.get(USB).and_then(Value::as_table).into_iter().flat_map(Table::keys);
    TABLES.iter().flat_map(in_table).chain(devices.map(|id| format!("{USB}.{id}").into())).collect()
}

/// What is written, on top of its base. What is missing then is a fault, and so are the rules of another dialect.
fn merge(text: &str, document: &DeTable<'_>, mut written: Table) -> Result<Table, InvalidProfile> {
    let span = |table: &str| document.get(table).map(Spanned::span);
    let missing = |key: String, table: &str| Err(ProfileFault::Missing { key }.at(text, span(table)));
    if document.get("model").and_then(|model| model.get_ref().get("name")).is_none() {
        return missing("model.name".to_owned(), "model");
    }
    let base = written.remove(BASE);
    let mut merged = base.as_ref().and_then(Value::as_str).and_then(shipped_table).unwrap_or_default();
    for (name, content) in written {
        match (merged.get_mut(&name), content) {
            (Some(Value::Table(base)), Value::Table(own)) => base.extend(own),
            (_, content) => drop(merged.insert(name, content)),
        }
    }
    let dialect = merged.get("model").and_then(|model| model.get("dialect")?.as_str()).unwrap_or_default().to_owned();
    for table in TABLES {
        let is_for_it = match table.presence {
            Presence::Always => true,
            Presence::Of(of) => of == dialect,
            Presence::Optional | Presence::OptionalOf(_) if !merged.contains_key(table.name) => continue,
            Presence::Optional => true,
            Presence::OptionalOf(of) => of == dialect,
        };
        match (is_for_it, document.get_key_value(table.name)) {
            (false, Some((key, _))) if !dialect.is_empty() => {
                return Err(ProfileFault::ForeignTable { table: table.name, dialect }.at(text, Some(key.span())));
            }
            // The base's, for its own dialect.
            (false, _) => drop(merged.remove(table.name)),
            (true, _) => {
                let content = merged.get(table.name);
                let lacks = |key: &str| content.is_none_or(|content| content.get(key).is_none());
                if let Some(key) = table.keys.iter().find(|key| key.is_required && lacks(key.name)) {
                    return missing(format!("{}.{}", table.name, key.name), table.name);
                }
            }
        }
    }
    Ok(merged)
}

/// The shipped profile of that name, as it is written.
fn shipped_table(name: &str) -> Option<Table> {
    let is_named = |table: &Table| table.get("model").and_then(|model| model.get("name")?.as_str()) == Some(name);
    SHIPPED.iter().filter_map(|text| text.parse().ok()).find(is_named)
}

#[cfg(test)]
mod tests;
