//! Holds JSON to a JSON Schema (draft 2020-12), as far as the project's schema goes. A word that is not known here is refused, so
//! that nothing of a schema is passed over.

use std::collections::BTreeSet;

use serde_json::Value;

/// Words that are for people, or that are looked up and not held to.
const WORDS: [&str; 4] = ["$schema", "$defs", "title", "description"];

/// A schema.
pub(crate) struct Schema(Value);

impl Schema {
    pub(crate) fn parse(text: &str) -> Schema {
        Schema(serde_json::from_str(text).expect("a schema is JSON"))
    }

    /// Whether `value` is what `$defs` has under `name`; what is wrong, else.
    pub(crate) fn check(&self, name: &str, value: &Value) -> Result<(), String> {
        let schema = self.0["$defs"].get(name).unwrap_or_else(|| panic!("the schema has no {name}"));
        self.hold(schema, value, name)
    }

    /// Whether `value` is what the whole schema says.
    pub(crate) fn check_root(&self, value: &Value) -> Result<(), String> {
        self.hold(&self.0, value, "#")
    }

    fn hold(&self, schema: &Value, value: &Value, place: &str) -> Result<(), String> {
        let words = schema.as_object().unwrap_or_else(|| panic!("{place}: a schema is an object"));
        let says = |what: String| Err(format!("{place}: {what}: {value}"));
        for (word, said) in words {
            match word.as_str() {
                word if WORDS.contains(&word) => {}
                "$ref" => {
                    let name = said.as_str().and_then(|name| name.strip_prefix("#/$defs/")).expect("a reference");
                    self.check(name, value).map_err(|fault| format!("{place}: {fault}"))?;
                }
                "type" => {
                    let types = said.as_array().map_or_else(|| std::slice::from_ref(said), Vec::as_slice);
                    if !types.iter().any(|name| is_of_type(value, name.as_str().expect("a type is a string"))) {
                        return says(format!("is not of type {said}"));
                    }
                }
                "const" if value != said => return says(format!("is not {said}")),
                "enum" if !said.as_array().expect("an array").contains(value) => {
                    return says(format!("is none of {said}"));
                }
                "const" | "enum" => {}
                "minimum" if value.as_f64() < said.as_f64() && value.is_number() => {
                    return says(format!("is below {said}"));
                }
                "maximum" if value.as_f64() > said.as_f64() && value.is_number() => {
                    return says(format!("is above {said}"));
                }
                "minimum" | "maximum" => {}
                "pattern" => {
                    if let Some(text) = value.as_str()
                        && !fits(said.as_str().expect("a pattern"), text)
                    {
                        return says(format!("does not fit {said}"));
                    }
                }
                "properties" => {
                    for (name, schema) in said.as_object().expect("an object") {
                        if let Some(value) = value.get(name) {
                            self.hold(schema, value, &format!("{place}.{name}"))?;
                        }
                    }
                }
                "required" => {
                    let mut names = said.as_array().expect("an array").iter().filter_map(Value::as_str);
                    if let Some(name) = names.find(|name| value.is_object() && value.get(name).is_none()) {
                        return says(format!("has no {name}"));
                    }
                }
                "additionalProperties" => {
                    assert_eq!(*said, false, "{place}: nothing else is known here");
                    let known: BTreeSet<&String> = words["properties"].as_object().expect("an object").keys().collect();
                    let object = value.as_object().into_iter().flatten();
                    if let Some((name, _)) = object.into_iter().find(|(name, _)| !known.contains(name)) {
                        return says(format!("has {name}, which is not known"));
                    }
                }
                "items" => {
                    for item in value.as_array().into_iter().flatten() {
                        self.hold(said, item, &format!("{place}[]"))?;
                    }
                }
                "oneOf" => {
                    let tried = said.as_array().expect("an array").iter().map(|schema| self.hold(schema, value, place));
                    let (fit, faults): (Vec<_>, Vec<_>) = tried.partition(Result::is_ok);
                    if fit.len() != 1 {
                        let faults: Vec<String> = faults.into_iter().filter_map(Result::err).collect();
                        return says(format!("fits {} of the choices: {}", fit.len(), faults.join("; ")));
                    }
                }
                other => panic!("{place}: {other} is not known here"),
            }
        }
        Ok(())
    }
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("{other} is no type"),
    }
}

/// The two patterns that there are.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern {
        "^(file|env):." => {
            text.split_once(':').is_some_and(|(kind, place)| ["file", "env"].contains(&kind) && !place.is_empty())
        }
        "^[a-z0-9_.]+$" => {
            let is_fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.".contains(&byte);
            !text.is_empty() && text.bytes().all(is_fine)
        }
        other => panic!("{other} is not known here"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_does_not_fit_is_found() {
        let schema = Schema(json!({"$defs": {
            "text": {"type": "string"},
            "level": {"type": ["integer", "null"], "minimum": 0, "maximum": 2},
            "list": {"type": "array", "items": {"$ref": "#/$defs/text"}},
            "word": {"enum": ["a", "b"]},
            "name": {"type": "string", "pattern": "^[a-z0-9_.]+$"},
            "object": {
                "type": "object",
                "properties": {"text": {"$ref": "#/$defs/text"}, "kind": {"const": "x"}},
                "required": ["kind"],
                "additionalProperties": false
            },
            "choice": {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
        }}));
        for (name, value, fits) in [
            ("text", json!("x"), true),
            ("text", json!(1), false),
            ("level", json!(2), true),
            ("level", json!(null), true),
            ("level", json!(3), false),
            ("level", json!(-1), false),
            ("level", json!(1.5), false),
            ("list", json!(["x", ""]), true),
            ("list", json!(["x", 1]), false),
            ("word", json!("b"), true),
            ("word", json!("c"), false),
            ("name", json!("input.topic"), true),
            ("name", json!("Input topic"), false),
            ("object", json!({"kind": "x"}), true),
            ("object", json!({"kind": "x", "text": "y"}), true),
            ("object", json!({"kind": "y"}), false),
            ("object", json!({"text": "y"}), false),
            ("object", json!({"kind": "x", "text": 1}), false),
            ("object", json!({"kind": "x", "other": 1}), false),
            ("object", json!([]), false),
            ("choice", json!({"a": 1}), true),
            ("choice", json!({"a": 1, "b": 1}), false),
            ("choice", json!({}), false),
        ] {
            assert_eq!(schema.check(name, &value).is_ok(), fits, "{name}: {value}");
        }
    }

    #[test]
    #[should_panic(expected = "not known here")]
    fn a_word_that_is_not_known_is_refused() {
        let _ = Schema(json!({"$defs": {"x": {"maxLength": 3}}})).check("x", &json!(""));
    }
}
