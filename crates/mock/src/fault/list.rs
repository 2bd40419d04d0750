//! A list of faults, as it is written.

use std::{fmt, str::FromStr, time::Duration};

use thiserror::Error;

use super::{
    KINDS, Kind, Row, STATES,
    kind::{ALL_GROUPS, Group, Manner, Parameter},
    nearest::nearest_name,
    term::{Problem, Term, expected},
};

/// What is to go wrong in a run. Written and read as the [module](super) describes; groups are written out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Faults {
    terms: Vec<Term>,
}

/// A specification that does not say what is to go wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("faults, column {column}, {term:?}: {problem}")]
pub struct SpecError {
    /// The term that is wrong.
    pub term: String,
    /// Where it begins in the specification, in characters, from 1.
    pub column: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

impl Faults {
    /// The terms, in their order.
    #[must_use]
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Whether nothing is to go wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// When the last of them is over; `None`: never. Zero where there are none.
    #[must_use]
    pub fn ends(&self) -> Option<Duration> {
        self.terms.iter().map(Term::ends).try_fold(Duration::ZERO, |latest, end| end.map(|end| latest.max(end)))
    }

    /// The table of all faults as help text, a few lines each.
    #[must_use]
    pub fn help() -> String {
        let mut help = String::from(
            "Faults are terms between commas: NAME[=VALUE][@FROM[+LASTING]][~RATE], or NAME[=VALUE]+LASTING~RATE to repeat.\n\
             Names stand for: all, a group (line, module, network, broker), or a fault below. -NAME takes one out again.\n",
        );
        let line = |row: &Row| format!("  {:<13} {}.\n                {}\n", row.name, row.help, usage(row));
        for group in Group::ALL {
            help.push_str(&format!("\n{}:\n", group.name()));
            help.extend(KINDS.iter().filter(|row| row.group == group).map(line));
        }
        help.push_str("\nwritten like a fault, and in no group:\n");
        help.extend(STATES.iter().map(line));
        help
    }
}

impl FromIterator<Term> for Faults {
    fn from_iter<T: IntoIterator<Item = Term>>(terms: T) -> Self {
        Self { terms: terms.into_iter().collect() }
    }
}

/// The value of a fault, and what holds where nothing is said.
fn usage(row: &Row) -> String {
    let value = match row.parameter {
        Parameter::None => String::new(),
        Parameter::Count { default: Some(default), .. } => {
            format!("={}, usually {default}; ", expected(row.parameter))
        }
        Parameter::Time { default } => format!("=a time, usually {}; ", super::Value::Time(default)),
        Parameter::Count { .. } | Parameter::Word(_) => format!("={}; ", expected(row.parameter)),
    };
    let when = match row.manner {
        Manner::Moment { usual } => format!("at a time (@), or else ~{usual} times a second"),
        Manner::Span { usual: None } => "the whole time".to_owned(),
        Manner::Span { usual: Some((lasting, rate)) } => {
            format!("the whole time; in a group +{}~{rate} times a second", super::Value::Time(lasting))
        }
        Manner::Chance { of, usual } => format!("~chance for each {of}, usually {usual}"),
    };
    value + &when
}

/// What a name stands for; `None`: it is no group.
fn group(name: &str) -> Option<(&'static str, impl Iterator<Item = Kind>)> {
    let groups = Group::ALL.into_iter().map(Group::name);
    let name = groups.chain([ALL_GROUPS]).find(|known| *known == name)?;
    Some((name, KINDS.iter().filter(move |row| name == ALL_GROUPS || row.group.name() == name).map(|row| row.kind)))
}

impl FromStr for Faults {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let mut faults = Self::default();
        let mut column = 1;
        if text.trim().is_empty() {
            return Ok(faults);
        }
        for part in text.split(',') {
            let term = part.trim();
            let leading = part.chars().take_while(|character| character.is_whitespace()).count();
            faults.add(term).map_err(|problem| SpecError {
                term: term.to_owned(),
                column: column + leading,
                problem,
            })?;
            column += part.chars().count() + 1;
        }
        Ok(faults)
    }
}

impl Faults {
    fn add(&mut self, term: &str) -> Result<(), Problem> {
        if term.is_empty() {
            return Err(Problem::Missing);
        }
        if let Some(name) = term.strip_prefix('-') {
            let kind = Kind::named(name)
                .ok_or_else(|| Problem::Unknown { name: name.to_owned(), nearest: nearest_name(name) })?;
            let before = self.terms.len();
            self.terms.retain(|term| term.kind != kind);
            return if self.terms.len() < before { Ok(()) } else { Err(Problem::NotThere(kind)) };
        }
        let name_end = term.find(['=', '@', '+', '~']).unwrap_or(term.len());
        match group(&term[..name_end]) {
            Some((name, _)) if name_end < term.len() => Err(Problem::Group(name)),
            Some((_, kinds)) => {
                self.terms.extend(kinds.map(Term::usual));
                Ok(())
            }
            None => {
                self.terms.push(Term::parse(term)?);
                Ok(())
            }
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, term) in self.terms.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            term.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read() {
        let written = |text: &str| text.parse::<Faults>().map(|faults| faults.to_string());
        for (text, expected) in [
            ("", ""),
            ("reset@5s", "reset@5s"),
            (" mute@10s+3s , chunk=1", "mute@10s+3s,chunk=1"),
            ("lose-byte~0.0010", "lose-byte~0.001"),
            ("late=5000ms@60+0.5m~0.2", "late=5s@1m+30s~0.2"),
            ("mute+3~0.01", "mute+3s~0.01"),
            ("half-closed=to-host@0", "half-closed=to-host@0s"),
            ("broker", "refuse+20s~0.005"),
            ("edrx=20.48s@1m+2m", "edrx=20480ms@1m+2m"),
            (
                "all,-reset,reset@1s,-mute",
                &format!("{}", {
                    let mut all: Faults = KINDS.iter().map(|row| Term::usual(row.kind)).collect();
                    all.terms.retain(|term| !matches!(term.kind, Kind::Reset | Kind::Mute));
                    all.terms.push("reset@1s".parse::<Faults>().unwrap().terms[0]);
                    all
                }),
            ),
        ] {
            assert_eq!(written(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, column, message) in [
            ("reset@5s,rest@7s", 10, "there is no fault \"rest\"; did you mean \"reset\"?"),
            ("netwrok", 1, "did you mean \"network\"?"),
            ("xylophone", 1, "--faults help lists them"),
            ("mute,,reset", 6, "a fault is missing here"),
            ("mute, chunk=0", 7, "chunk takes a number from 1 to 4096 (bytes), not \"0\""),
            ("chunk=+1", 1, "not \"\""),
            ("reset=1", 1, "reset takes no value"),
            ("prompt=>", 1, "prompt takes bare or blank or"),
            ("reset@5s+3s", 1, "reset happens at a moment"),
            ("mute@5s+3s~0.1", 1, "not both"),
            ("mute+3s", 1, "mute@FROM+LASTING, or +LASTING~RATE"),
            ("urc+3s~0.5", 1, "urc@FROM+LASTING"),
            ("urc~2", 1, "a chance, more than 0 and at most 1"),
            ("reset~0", 1, "times a second"),
            ("mute@soon", 1, "\"soon\" is no time"),
            ("mute@1s@2s", 1, "\"1s@2s\" is no time"),
            ("mute~0.1@2s", 1, "\"0.1@2s\" is no rate"),
            ("all~0.1", 1, "\"all\" stands for many faults"),
            ("mute,-reset", 6, "-reset takes out what is not in the list"),
        ] {
            let fault = text.parse::<Faults>().unwrap_err();
            assert_eq!(fault.column, column, "{text}");
            assert!(fault.to_string().contains(message), "{text}: {fault}");
        }
    }

    #[test]
    fn the_end_of_a_list_is_known() {
        let ends = |text: &str| text.parse::<Faults>().unwrap().ends();
        assert_eq!(ends(""), Some(Duration::ZERO));
        assert_eq!(ends("reset@5s,mute@2s+10s,urc@1s+2s~0.5"), Some(Duration::from_secs(12)));
        for endless in ["mute@5s", "chunk", "reset~0.1", "urc~0.1", "reset@5s,all"] {
            assert_eq!(ends(endless), None, "{endless}");
        }
    }

    #[test]
    fn help_names_every_fault() {
        let help = Faults::help();
        for row in KINDS.iter().chain(&STATES) {
            assert!(help.contains(&format!("\n  {:<13} {}.\n", row.name, row.help)), "{}", row.name);
        }
    }
}
