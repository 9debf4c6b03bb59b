//! JSON as Python writes it.

use std::{fs, path::Path};

use serde_json::{Map, Value};

use crate::error::LoadError;

/// Numbers that Python's `json` writes and JSON has not.
const NOT_NUMBERS: [&str; 3] = ["NaN", "-Infinity", "Infinity"];

/// Reads and parses a JSON file; what is no number in JSON (`NaN`, `Infinity`) comes as a string of that name, which
/// whoever wants a number then refuses.
pub fn read_json(path: &Path) -> Result<Value, LoadError> {
    let bytes = fs::read(path).map_err(|error| LoadError::unreadable(path, &error))?;
    serde_json::from_slice(&bytes)
        .or_else(|error| serde_json::from_slice(&with_names_quoted(&bytes)).map_err(|_| error))
        .map_err(|error| LoadError::invalid(path, "JSON", error.to_string()))
}

/// Reads a JSON file that may be absent.
pub fn read_optional_json(path: &Path) -> Result<Option<Value>, LoadError> {
    if path.is_file() { read_json(path).map(Some) } else { Ok(None) }
}

/// Reads a JSON file that holds an object; one that is absent is empty.
pub fn read_object(path: &Path) -> Result<Map<String, Value>, LoadError> {
    match read_optional_json(path)? {
        None => Ok(Map::new()),
        Some(Value::Object(fields)) => Ok(fields),
        Some(other) => Err(LoadError::invalid(path, "a JSON object", other.to_string())),
    }
}

fn with_names_quoted(json: &[u8]) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(json.len());
    let mut rest = json;
    let mut in_string = false;
    while let [first, ..] = rest {
        let name = NOT_NUMBERS.into_iter().find(|name| !in_string && rest.starts_with(name.as_bytes()));
        let length = match (name, first) {
            (Some(name), _) => {
                quoted.push(b'"');
                quoted.extend_from_slice(name.as_bytes());
                quoted.push(b'"');
                rest = &rest[name.len()..];
                continue;
            }
            // An escaped character, such as a quote.
            (None, b'\\') if in_string => 2.min(rest.len()),
            (None, b'"') => {
                in_string = !in_string;
                1
            }
            (None, _) => 1,
        };
        quoted.extend_from_slice(&rest[..length]);
        rest = &rest[length..];
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Value, LoadError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("config.json");
        fs::write(&path, json).expect("writable");
        read_json(&path)
    }

    #[test]
    fn what_python_writes_for_no_number_is_a_name() {
        let read = read(r#"{"a": NaN, "b": [-Infinity, 1], "c": Infinity, "d": "\"NaN\\", "e": "x"}"#).unwrap();
        let expected = serde_json::json!({
            "a": "NaN", "b": ["-Infinity", 1], "c": "Infinity", "d": "\"NaN\\", "e": "x"
        });
        assert_eq!(read, expected);
    }

    #[test]
    fn a_fault_is_that_of_the_file_as_it_is() {
        let message = read(r#"{"a": NaN, "b": }"#).unwrap_err().to_string();
        assert!(message.contains("column 7"), "{message}");
    }
}
