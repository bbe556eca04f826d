//! Taking apart the JSON objects and the queries of people: every fault of one request is told
//! at once, and what is not known is refused by name.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::de::DeserializeSeed;
use serde_json::{Map, Value};

use self::keeping::Keeping;
use self::time::TimeError;
pub(super) use self::time::read_time;
use super::problem::{Fault, Kind, Problem};

mod keeping;
mod time;

/// The fields of a body that are not taken yet, and the faults so far.
#[derive(Debug)]
pub(super) struct Fields {
    left: Map<String, Value>,
    known: Vec<&'static str>,
    faults: Vec<Fault>,
}

impl Fields {
    /// Reads a body; an empty one is an empty object.
    ///
    /// # Errors
    /// Broken JSON with line and column, or JSON that is not an object.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Problem> {
        let empty = body.iter().all(u8::is_ascii_whitespace);
        let value = if empty {
            Ok(Value::Object(Map::new()))
        } else {
            serde_json::from_slice(body)
        };
        match value {
            Ok(Value::Object(left)) => Ok(Self {
                left,
                known: Vec::new(),
                faults: Vec::new(),
            }),
            Ok(other) => {
                let detail = format!("The body is {}: a JSON object is needed.", kind_of(&other));
                Err(Problem::new(Kind::Malformed, detail))
            }
            Err(error) => Err(broken(&error)),
        }
    }

    /// As [`Fields::parse`], and the value of the field `kept` as it was written, which may be JSON
    /// that Rust cannot hold. An empty value of its kind stands among the fields.
    ///
    /// # Errors
    /// As [`Fields::parse`].
    pub(super) fn parse_keeping<'a>(
        body: &'a [u8],
        kept: &str,
    ) -> Result<(Self, Option<&'a str>), Problem> {
        let (left, raw) = object_keeping(body, kept)?;
        let fields = Self {
            left,
            known: Vec::new(),
            faults: Vec::new(),
        };
        Ok((fields, raw))
    }

    /// Takes a field; what `read` says against its value becomes a fault.
    pub(super) fn take<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Value) -> Result<T, String>,
    ) -> Option<T> {
        self.known.push(name);
        match read(self.left.remove(name)?) {
            Ok(value) => Some(value),
            Err(detail) => {
                self.faults.push(Fault::new(format!("/{name}"), detail));
                None
            }
        }
    }

    /// Takes a field that must be there.
    pub(super) fn need<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Value) -> Result<T, String>,
    ) -> Option<T> {
        if !self.left.contains_key(name) {
            self.known.push(name);
            self.fault(format!("/{name}"), "is missing");
            return None;
        }
        self.take(name, read)
    }

    /// Takes a field whose value may be null, which is told apart from its absence.
    pub(super) fn take_nullable<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Value) -> Result<T, String>,
    ) -> Option<Option<T>> {
        self.take(name, |value| {
            if value.is_null() {
                Ok(None)
            } else {
                read(value).map(Some)
            }
        })
    }

    /// Adds a fault.
    pub(super) fn fault(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.faults.push(Fault::new(pointer, detail));
    }

    /// Ends the reading: what is left over is not known.
    ///
    /// # Errors
    /// Every fault at once.
    pub(super) fn finish(mut self) -> Result<(), Problem> {
        for name in self.left.keys() {
            let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
            let pointer = pointer.chars().take(200).collect::<String>();
            let known = self.known.join(", ");
            let detail = if known.is_empty() {
                "is not known: no fields are taken here".to_owned()
            } else {
                format!("is not known; the fields are {known}")
            };
            self.faults.push(Fault::new(pointer, detail));
        }
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(Problem::invalid(self.faults))
        }
    }
}

/// The fields of an object, and the value of the field `kept` as it was written, which may be JSON
/// that Rust cannot hold. An empty value of its kind stands among the fields.
///
/// # Errors
/// As [`Fields::parse`].
pub(super) fn object_keeping<'a>(
    body: &'a [u8],
    kept: &str,
) -> Result<(Map<String, Value>, Option<&'a str>), Problem> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = Keeping(kept).deserialize(&mut json);
    match read.and_then(|read| json.end().map(|()| read)) {
        Ok(read) => Ok(read),
        Err(error) if error.is_data() || body.trim_ascii().is_empty() => {
            Ok((Fields::parse(body)?.left, None))
        }
        Err(error) => Err(broken(&error)),
    }
}

fn broken(error: &serde_json::Error) -> Problem {
    // serde_json ends its message with the line and the column.
    Problem::new(Kind::Malformed, format!("Broken JSON: {error}."))
}

const fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A string.
pub(super) fn text(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) if text.contains('\0') => {
            Err("must not hold the character 0".to_owned())
        }
        Value::String(text) => Ok(text),
        other => Err(format!("must be a string, not {}", kind_of(&other))),
    }
}

/// The parameters of a query that are not taken yet, and the faults so far.
#[derive(Debug)]
pub(super) struct Query<'a> {
    left: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    known: Vec<&'static str>,
    faults: Vec<Fault>,
    /// So many of the faults are times that can be read and lie too far away.
    outside: usize,
}

impl<'a> Query<'a> {
    /// Reads the part of an address behind the question mark.
    #[must_use]
    pub(super) fn parse(query: &'a str) -> Self {
        let left = url::form_urlencoded::parse(query.as_bytes()).collect();
        Self {
            left,
            known: Vec::new(),
            faults: Vec::new(),
            outside: 0,
        }
    }

    /// Takes a parameter; an empty one counts as absent.
    pub(super) fn take<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.known.push(name);
        let place = self.left.iter().position(|(key, _)| key == name)?;
        let (_, value) = self.left.remove(place);
        if self.left.iter().any(|(key, _)| key == name) {
            self.left.retain(|(key, _)| key != name);
            self.fault(name, "stands there more than once");
            return None;
        }
        if value.is_empty() {
            return None;
        }
        match read(&value) {
            Ok(value) => Some(value),
            Err(detail) => {
                self.fault(name, detail);
                None
            }
        }
    }

    /// Takes a parameter that `T` reads.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&mut self, name: &'static str) -> Option<T> {
        self.take(name, |text| {
            text.parse().map_err(|error: T::Err| error.to_string())
        })
    }

    /// Takes a time: RFC 3339, or a date, which means its first moment in UTC.
    pub(super) fn time(&mut self, name: &'static str) -> Option<DateTime<Utc>> {
        let mut outside = false;
        let time = self.take(name, |text| {
            read_time(text).map_err(|error| {
                outside = error == TimeError::Outside;
                error.to_string()
            })
        });
        self.outside += usize::from(outside);
        time
    }

    /// Takes a text of at most 200 characters.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        self.take(name, |text| match text.chars().count() {
            _ if text.contains('\0') => Err("must not hold the character 0".to_owned()),
            0..=200 => Ok(text.to_owned()),
            length => Err(format!("must have at most 200 characters, not {length}")),
        })
    }

    /// Adds a fault.
    pub(super) fn fault(&mut self, name: &str, detail: impl Into<String>) {
        self.faults.push(Fault::new(format!("?{name}"), detail));
    }

    /// Ends the reading: what is left over is not known.
    ///
    /// # Errors
    /// Every fault at once.
    pub(super) fn finish(mut self) -> Result<(), Problem> {
        for (name, _) in &self.left {
            let name: String = name.chars().take(64).collect();
            let known = self.known.join(", ");
            let detail = if known.is_empty() {
                "is not known: no parameters are taken here".to_owned()
            } else {
                format!("is not known; the parameters are {known}")
            };
            self.faults.push(Fault::new(format!("?{name}"), detail));
        }
        if self.faults.is_empty() {
            Ok(())
        } else if self.faults.len() == self.outside {
            Err(Problem::invalid(self.faults))
        } else {
            Err(Problem::query(self.faults))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_faults_of_a_body_are_told_at_once() {
        let body = json!({"title": 1, "size": 99, "tags": ["a", 2], "colour": "red"});
        let mut fields = Fields::parse(body.to_string().as_bytes()).unwrap();
        fields.take("title", text);
        fields.take("size", |_| Err::<(), _>("is too large".to_owned()));
        fields.take("tags", |_| Err::<(), _>("must be a string".to_owned()));
        fields.need("name", text);
        let problem = fields.finish().unwrap_err();
        let json: Value = serde_json::from_slice(&body_of(&problem)).unwrap();
        let pointers: Vec<&str> = json["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["pointer"].as_str().unwrap())
            .collect();
        assert_eq!(pointers, ["/title", "/size", "/tags", "/name", "/colour"]);
    }

    #[test]
    fn broken_json_is_told_with_line_and_column() {
        let problem = Fields::parse(b"{\n  \"a\": }").unwrap_err();
        assert!(problem.to_string().contains("line 2 column 8"), "{problem}");
    }

    #[test]
    fn an_unknown_or_repeated_parameter_is_refused_by_name() {
        let mut query = Query::parse("limit=1&limit=2&colour=red");
        assert_eq!(query.parsed::<u32>("limit"), None);
        let problem = query.finish().unwrap_err();
        let json: Value = serde_json::from_slice(&body_of(&problem)).unwrap();
        assert_eq!(json["errors"][0]["pointer"], "?limit");
        assert_eq!(json["errors"][1]["pointer"], "?colour");
    }

    fn body_of(problem: &Problem) -> bytes::Bytes {
        use actix_web::ResponseError;
        use actix_web::body::MessageBody;
        problem
            .error_response()
            .into_body()
            .try_into_bytes()
            .unwrap()
    }
}
