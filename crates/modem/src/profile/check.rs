//! Holds a text against the keys that a profile has.

use std::borrow::Cow;
use std::ops::Range;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::invalid::{InvalidProfile, ProfileFault};
use super::schema::{BASE, DIALECTS, EVIDENCE, EVIDENCES, Form, Key, PORTS, ROLES, TABLES, Table, USB, Unit};
use super::{Profile, UsbId};

type Entry<'a, 'text> = (&'a Spanned<Cow<'text, str>>, &'a Spanned<DeValue<'text>>);

/// Answers that any command may have: what is in one of them is no sign of anything.
const ANSWERS: [&str; 2] = ["OK", "ERROR"];

/// Numbers of USB interfaces.
const INTERFACE: Unit = Unit::Count { low: 0, high: 255 };

/// Holds a document against the keys that there are, and what is in each against what it can be. What is not there is not
/// its business.
///
/// Of several faults it tells the first in the text.
pub(super) fn check(text: &str, document: &DeTable<'_>) -> Result<(), InvalidProfile> {
    let mut check = Check { faults: Vec::new() };
    check.document(document);
    match check.faults.into_iter().min_by_key(|(span, _)| span.start) {
        Some((span, fault)) => Err(fault.at(text, Some(span))),
        None => Ok(()),
    }
}

struct Check {
    faults: Vec<(Range<usize>, ProfileFault)>,
}

impl Check {
    fn document(&mut self, document: &DeTable<'_>) {
        for (name, value) in document {
            let known = TABLES.iter().find(|table| table.name == &**name.get_ref());
            match (known, value.get_ref()) {
                (Some(table), DeValue::Table(content)) => self.table(table, content),
                (Some(table), other) => {
                    self.wrong_type(value.span(), table.name, format!("a table [{}]", table.name), other);
                }
                (None, DeValue::Table(devices)) if name.get_ref() == USB => self.usb(devices),
                (None, other) if name.get_ref() == USB => self.wrong_type(value.span(), USB, "a table [usb]", other),
                (None, _) if name.get_ref() == BASE => {
                    let names = || Profile::shipped().iter().map(|profile| &*profile.model.name);
                    self.word(BASE, value, names().collect());
                }
                (None, _) => {
                    let known = [BASE, USB].into_iter().chain(TABLES.iter().map(|table| table.name)).collect();
                    let key = name.get_ref().to_string();
                    self.fault(name.span(), ProfileFault::UnknownKey { within: None, key, known });
                }
            }
        }
    }

    fn table(&mut self, table: &'static Table, content: &DeTable<'_>) {
        for (name, value) in content {
            match table.keys.iter().find(|key| key.name == &**name.get_ref()) {
                Some(key) => self.key(&format!("{}.{}", table.name, key.name), key, value),
                None => {
                    let known = table.keys.iter().map(|key| key.name).collect();
                    let key = name.get_ref().to_string();
                    self.fault(name.span(), ProfileFault::UnknownKey { within: Some(table.name), key, known });
                }
            }
        }
    }

    /// What the ports of each device are for.
    fn usb(&mut self, devices: &DeTable<'_>) {
        for (name, value) in devices {
            let id = name.get_ref();
            if let Err(fault) = id.parse::<UsbId>() {
                let (key, text, why) = (USB.to_owned(), id.to_string(), fault.why());
                self.fault(name.span(), ProfileFault::Unusable { key, text, why });
                continue;
            }
            let figure = format!("{USB}.{id}");
            let DeValue::Table(parts) = value.get_ref() else {
                self.wrong_type(value.span(), &figure, PORTS, value.get_ref());
                continue;
            };
            let mut taken: Vec<&str> = Vec::new();
            for (name, value) in parts {
                let (part, key) = (name.get_ref(), format!("{figure}.{}", name.get_ref()));
                if **part == *EVIDENCE {
                    self.word(&key, value, EVIDENCES.to_vec());
                } else if ROLES.contains(&&**part) {
                    let DeValue::Integer(number) = value.get_ref() else {
                        self.wrong_type(value.span(), &key, "a whole number", value.get_ref());
                        continue;
                    };
                    self.whole(key.clone(), INTERFACE, value);
                    if taken.contains(&number.as_str()) {
                        let (text, why) = (number.to_string(), "another port of the device has this interface");
                        self.fault(value.span(), ProfileFault::Unusable { key, text, why });
                    }
                    taken.push(number.as_str());
                } else {
                    let known = ROLES.into_iter().chain([EVIDENCE]).collect();
                    let (figure, key, form) = (figure.clone(), part.to_string(), PORTS.to_owned());
                    self.fault(name.span(), ProfileFault::UnknownPart { figure, key, form, known });
                }
            }
            // What is called by a wrong name is not missing.
            let are_known =
                parts.keys().all(|part| ROLES.contains(&&**part.get_ref()) || **part.get_ref() == *EVIDENCE);
            let missing = [ROLES[0], EVIDENCE].into_iter().find(|part| !parts.contains_key(*part));
            if let Some(part) = missing.filter(|_| are_known) {
                self.fault(value.span(), ProfileFault::Missing { key: format!("{figure}.{part}") });
            }
        }
    }

    /// What a module calls one of its ports: it goes into a command.
    fn port(&mut self, key: &str, value: &Spanned<DeValue<'_>>) {
        let DeValue::String(name) = value.get_ref() else {
            return self.wrong_type(value.span(), key, "a text", value.get_ref());
        };
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            let (key, text, why) = (key.to_owned(), name.to_string(), "a port is called by letters and digits");
            self.fault(value.span(), ProfileFault::Unusable { key, text, why });
        }
    }

    fn key(&mut self, name: &str, key: &Key, value: &Spanned<DeValue<'_>>) {
        match (key.form, value.get_ref()) {
            (Form::Name, _) => self.name(name, value),
            (Form::Text, DeValue::String(_)) | (Form::Flag, DeValue::Boolean(_)) => {}
            (Form::Text, other) => self.wrong_type(value.span(), name, "a text", other),
            (Form::Flag, other) => self.wrong_type(value.span(), name, "true or false", other),
            (Form::Dialect, _) => self.word(name, value, DIALECTS.to_vec()),
            (Form::Signs | Form::Lines, DeValue::Array(texts)) => {
                for text in texts {
                    self.sign(name, key.form, text);
                }
            }
            (Form::Signs | Form::Lines, other) => self.wrong_type(value.span(), name, "a list of texts", other),
            (Form::Figure(unit), DeValue::Table(parts)) => self.figure(name, unit, value.span(), parts),
            (Form::Figure(unit), other) => self.wrong_type(value.span(), name, unit.example(), other),
        }
    }

    /// A name is shown to people, and written into files: it is of letters, digits and a few signs.
    fn name(&mut self, key: &str, value: &Spanned<DeValue<'_>>) {
        let DeValue::String(name) = value.get_ref() else {
            return self.wrong_type(value.span(), key, "a text", value.get_ref());
        };
        let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let why = if name.is_empty() || !name.bytes().all(is_fine) {
            "a name is of letters, digits, \"-\", \"_\" and \".\""
        } else if Profile::named(name).is_some() {
            "that is the name of a shipped profile"
        } else {
            return;
        };
        self.fault(value.span(), ProfileFault::Unusable { key: key.to_owned(), text: name.to_string(), why });
    }

    /// A text that is looked for in what a module says. One that is found everywhere would make every answer a restart.
    fn sign(&mut self, key: &str, form: Form, value: &Spanned<DeValue<'_>>) {
        let DeValue::String(text) = value.get_ref() else {
            return self.wrong_type(value.span(), key, "a list of texts", value.get_ref());
        };
        let why = match form {
            _ if text.trim().is_empty() => "it is empty",
            Form::Lines if ANSWERS.contains(&text.trim()) => "that is the answer to any command",
            Form::Signs if ANSWERS.iter().any(|answer| answer.contains(&**text)) => "that stands in any answer",
            Form::Lines if text.trim() != &**text => "lines are compared without the blanks around them",
            _ => return,
        };
        self.fault(value.span(), ProfileFault::Unusable { key: key.to_owned(), text: text.to_string(), why });
    }

    fn figure(&mut self, figure: &str, unit: Unit, span: Range<usize>, parts: &DeTable<'_>) {
        for part in parts {
            self.part(figure, unit, part);
        }
        let expected = [unit.name(), EVIDENCE];
        // What is called by a wrong name is not missing.
        let are_known = parts.keys().all(|part| expected.contains(&&**part.get_ref()));
        if let (true, Some(part)) = (are_known, expected.iter().find(|part| !parts.contains_key(**part))) {
            self.fault(span, ProfileFault::Missing { key: format!("{figure}.{part}") });
        }
    }

    fn part(&mut self, figure: &str, unit: Unit, (name, value): Entry<'_, '_>) {
        let key = format!("{figure}.{}", name.get_ref());
        match (&**name.get_ref(), unit) {
            (EVIDENCE, _) => self.word(&key, value, EVIDENCES.to_vec()),
            ("rule", Unit::Rule(words)) => self.word(&key, value, words.to_vec()),
            (given, Unit::TimeOut | Unit::Pause) if given == unit.name() => self.seconds(key, unit, value),
            (given, Unit::Port) if given == unit.name() => self.port(&key, value),
            (given, Unit::Ports) if given == unit.name() => match value.get_ref() {
                DeValue::Array(ports) if ports.is_empty() => {
                    self.fault(value.span(), ProfileFault::Missing { key: format!("a port in {key}") });
                }
                DeValue::Array(ports) => ports.iter().for_each(|port| self.port(&key, port)),
                other => self.wrong_type(value.span(), &key, "a list of texts", other),
            },
            (given, _) if given == unit.name() => self.whole(key, unit, value),
            (given, _) => {
                let (figure, key, known) = (figure.to_owned(), given.to_owned(), vec![unit.name(), EVIDENCE]);
                self.fault(name.span(), ProfileFault::UnknownPart { figure, key, form: unit.example(), known });
            }
        }
    }

    fn whole(&mut self, key: String, unit: Unit, value: &Spanned<DeValue<'_>>) {
        let DeValue::Integer(number) = value.get_ref() else {
            return self.wrong_type(value.span(), &key, "a whole number", value.get_ref());
        };
        let (low, high) = unit.range();
        let found = u64::from_str_radix(number.as_str(), number.radix());
        if !found.is_ok_and(|found| (low..=high).contains(&found)) {
            let (value_text, low) = (number.to_string(), low.to_string());
            self.fault(value.span(), ProfileFault::OutOfRange { key, value: value_text, low, high });
        }
    }

    fn seconds(&mut self, key: String, unit: Unit, value: &Spanned<DeValue<'_>>) {
        let (written, found) = match value.get_ref() {
            DeValue::Integer(number) => {
                let whole = i64::from_str_radix(number.as_str(), number.radix());
                let whole = whole.ok().and_then(|whole| u32::try_from(whole).ok()).map(f64::from);
                (number.to_string(), whole)
            }
            DeValue::Float(number) => (number.to_string(), number.as_str().parse::<f64>().ok()),
            other => return self.wrong_type(value.span(), &key, "a number", other),
        };
        let (_, high) = unit.range();
        // Held as what it will be: a time that is less than a nanosecond is none.
        let wait = found.and_then(|found| Duration::try_from_secs_f64(found).ok());
        let may_be_zero = matches!(unit, Unit::Pause);
        if !wait.is_some_and(|wait| wait <= Duration::from_secs(high) && (may_be_zero || !wait.is_zero())) {
            let low = if may_be_zero { "0" } else { "more than 0, up" }.to_owned();
            self.fault(value.span(), ProfileFault::OutOfRange { key, value: written, low, high });
        }
    }

    fn word(&mut self, key: &str, value: &Spanned<DeValue<'_>>, known: Vec<&'static str>) {
        match value.get_ref() {
            DeValue::String(word) if known.iter().any(|known| known == word) => {}
            DeValue::String(word) => {
                let (key, word) = (key.to_owned(), word.to_string());
                self.fault(value.span(), ProfileFault::UnknownWord { key, word, known });
            }
            other => self.wrong_type(value.span(), key, "a text", other),
        }
    }

    fn wrong_type(&mut self, span: Range<usize>, key: &str, expected: impl Into<String>, found: &DeValue<'_>) {
        let found = match found {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a point",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.fault(span, ProfileFault::WrongType { key: key.to_owned(), expected: expected.into(), found });
    }

    fn fault(&mut self, span: Range<usize>, fault: ProfileFault) {
        self.faults.push((span, fault));
    }
}
