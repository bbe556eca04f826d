//! What callers send. One struct is the input, its reader and its schema: `inputs!` declares it,
//! and the types of its fields say what is taken, with which message the rest is refused, and how
//! the API's document describes it. All faults of one input are found at once.

mod declare;
mod kinds;
mod moment;
mod object;

use std::borrow::Cow;
use std::fmt::Display;

use serde_json::Value;

pub use self::declare::{Described, Listed};
pub(in crate::service) use self::declare::{checked, inputs, lists, made_and_changed};
pub use self::kinds::{
    BREAKS, CONTROL, ListOf, Moment, OrNull, PLAIN, Text, Whole, line_schema, one_of,
};
#[cfg(test)]
pub(crate) use self::moment::YEARS;
pub use self::moment::{TimeError, read_time};
pub use self::object::Object;
use super::{Fault, Refusal, Result};

/// Faults that are reported of one list at most: enough to see the pattern.
const MOST_OF_A_LIST: usize = 100;
/// Entries of one page of a list, at most.
pub const MOST_ENTRIES: i32 = 200;
/// Faults that are reported at most: a body of thousands of unknown fields must not have an answer
/// that is many times as large.
const MOST: usize = 1_000;

/// A value as it came.
#[derive(Debug)]
pub enum Given<'a> {
    /// Out of JSON.
    Json(Value),
    /// JSON as it was written, which Rust may not be able to hold.
    Raw(&'a str),
    /// As it is typed: a part of an address, or an argument of a command.
    Typed(Cow<'a, str>),
}

impl Given<'_> {
    /// The text that it is.
    ///
    /// # Errors
    /// It is no text, or one that PostgreSQL cannot hold.
    pub fn text(self) -> Result<String, String> {
        let text = match self {
            Self::Json(Value::String(text)) => text,
            Self::Typed(text) => text.into_owned(),
            Self::Json(other) => return Err(format!("must be a string, not {}", kind_of(&other))),
            Self::Raw(_) => return Err("must be a string".to_owned()),
        };
        if text.contains('\0') {
            return Err("must not hold the character 0".to_owned());
        }
        Ok(text)
    }

    /// What `read` makes of the text that it is. What is wrong goes to `faults`.
    pub fn read<T, E: Display>(
        self,
        faults: &mut Faults,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = faults.note(self.text())?;
        faults.note(read(&text))
    }

    /// The whole number that it is.
    #[must_use]
    pub fn whole(&self) -> Option<i64> {
        match self {
            // To JSON 3 and 3.0 are the same number.
            Self::Json(value) => value.as_i64().or_else(|| whole(value.as_f64()?)),
            Self::Raw(text) | Self::Typed(Cow::Borrowed(text)) => text.parse().ok(),
            Self::Typed(Cow::Owned(text)) => text.parse().ok(),
        }
    }
}

lists! {
    /// What may be asked of a list that is shown as a whole, page by page.
    WholeList {}
}

inputs! {
    /// No parameters.
    NoQuery {}
}

/// A type that a field of an input may have.
pub trait InputField: Sized {
    /// What it is when it is left out; none: it may not be left out.
    #[must_use]
    fn absent() -> Option<Self> {
        None
    }

    /// Reads a value. What is wrong goes to `faults`, and none is returned.
    fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self>;

    /// Its JSON Schema.
    fn schema() -> Value;
}

/// The faults so far, and the place in the input that is being read.
#[derive(Debug, Default)]
pub struct Faults {
    found: Vec<Fault>,
    place: String,
    /// So many of them are times that can be read and lie too far away.
    outside: usize,
}

impl Faults {
    /// Something is wrong at the place that is being read.
    pub fn add(&mut self, detail: impl Into<String>) {
        self.add_at(self.place.clone(), detail);
    }

    /// Something is wrong at the place that is being read, of which nothing is read.
    pub fn refuse<T>(&mut self, detail: impl Into<String>) -> Option<T> {
        self.add(detail);
        None
    }

    /// What was read at the place that is being read, or what is wrong there.
    pub fn note<T, E: Display>(&mut self, read: Result<T, E>) -> Option<T> {
        read.map_err(|detail| self.add(detail.to_string())).ok()
    }

    /// Something is wrong beneath the place that is being read.
    pub fn add_beneath(&mut self, step: &str, detail: impl Into<String>) {
        self.beneath(step, |faults| faults.add(detail));
    }

    /// Reads what is beneath the place that is being read.
    pub fn beneath<T>(&mut self, step: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.place.len();
        self.place.push('/');
        // No pointer is longer than people read.
        let step: String = step.chars().take(256).collect();
        let step = step.replace('~', "~0").replace('/', "~1");
        self.place.push_str(&step);
        let read = read(self);
        self.place.truncate(before);
        read
    }

    /// Something is wrong at a place that was read before.
    pub fn add_at(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        if self.found.len() < MOST {
            self.found.push(Fault::new(pointer, detail));
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.found.len()
    }
}

/// An input whose fields were read, and what was wrong with them so far. Whoever takes it may find
/// more in what had to be looked up, so that its sender learns of everything at once.
#[derive(Debug)]
pub struct ReadInput<T: Input> {
    /// The fields that could be read.
    pub fields: T::Partial,
    /// What is wrong so far.
    pub faults: Faults,
}

impl<T: Input> ReadInput<T> {
    /// The input, if nothing is wrong.
    ///
    /// # Errors
    /// Every fault at once.
    pub fn finish(self) -> Result<T> {
        match T::whole(self.fields) {
            Some(whole) if self.faults.found.is_empty() => Ok(whole),
            _ => Err(Refusal::invalid(self.faults.found)),
        }
    }
}

/// Reads a text as it is typed on a command line.
///
/// # Errors
/// What is wrong with it.
pub fn parse<T: InputField>(text: &str) -> Result<T, String> {
    let mut faults = Faults::default();
    let read = T::read(Given::Typed(text.into()), &mut faults);
    let details = faults.found.into_iter().map(|it| it.detail);
    read.ok_or_else(|| details.collect::<Vec<_>>().join("; "))
}

/// Reads the fields of a JSON object that are texts of these names, and no others.
///
/// # Errors
/// It is no object, or every fault of its fields at once.
pub fn texts(value: Value, names: &[&str]) -> Result<Vec<(String, String)>> {
    let mut object = Object::new(value)?;
    let mut read = Vec::new();
    for name in names {
        if let Some(Some(text)) = object.field::<Option<String>>(name) {
            read.push(((*name).to_owned(), text));
        }
    }
    object.end(names);
    match object.faults.found {
        faults if faults.is_empty() => Ok(read),
        faults => Err(Refusal::invalid(faults)),
    }
}

fn whole(number: f64) -> Option<i64> {
    // Beyond this not every whole number is one.
    let is_exact = number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0;
    #[allow(clippy::cast_possible_truncation, reason = "it is whole and small")]
    is_exact.then_some(number as i64)
}

/// A type that has a name in the API's document.
pub trait NamedSchema {
    /// Its name.
    const NAME: &'static str;

    /// Its JSON Schema.
    fn schema() -> Value;
}

/// What a caller sends, as a type.
pub trait Input: NamedSchema + Sized {
    /// The names of its fields.
    const FIELDS: &'static [&'static str];
    /// The field whose JSON is kept as it was written.
    const KEPT: Option<&'static str> = None;

    /// The same fields, each of them none if it is missing or wrong.
    type Partial;

    /// Takes the fields that are known out of `given`.
    fn take(given: &mut Object<'_>) -> Self::Partial;

    /// The whole, if every field is there.
    fn whole(fields: Self::Partial) -> Option<Self>;

    /// Reads the fields of a JSON value.
    ///
    /// # Errors
    /// It is no object.
    fn begin(value: Value) -> Result<ReadInput<Self>> {
        Ok(Self::begin_object(Object::new(value)?))
    }

    /// Reads the fields of an object.
    fn begin_object(mut object: Object<'_>) -> ReadInput<Self> {
        let fields = Self::take(&mut object);
        object.end(Self::FIELDS);
        let faults = object.faults;
        ReadInput { fields, faults }
    }

    /// Reads a JSON value.
    ///
    /// # Errors
    /// It is no object, or every fault of its fields at once.
    fn read(value: Value) -> Result<Self> {
        Self::begin(value)?.finish()
    }

    /// Reads the parameters of a query.
    ///
    /// # Errors
    /// Every fault of them at once.
    fn ask<'a>(parameters: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> Result<Self> {
        let mut object = Object::asked(parameters);
        let fields = Self::take(&mut object);
        object.end_query(Self::FIELDS);
        let Faults { found, outside, .. } = object.faults;
        match Self::whole(fields) {
            Some(whole) if found.is_empty() => Ok(whole),
            _ if found.len() == outside => Err(Refusal::invalid(found)),
            _ => Err(Refusal::query(found)),
        }
    }
}

/// What kind of JSON value it is, as text.
#[must_use]
pub const fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
#[allow(unreachable_pub, reason = "the macro makes inputs for other modules")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::role::Role;
    use crate::service::refusal::Reason;

    inputs! {
        /// Something to be made.
        Sample {
            /// What people call it.
            title: Text<1, 9> = "Shop",
            /// What it may do.
            role: Option<Role>,
            /// How much.
            amount: Option<OrNull<Whole<0, 9>>>,
            /// What it is for.
            tags: Option<ListOf<Text<1, 5>, 1, 2>>,
        }
    }

    fn faults(value: Value) -> Vec<(String, String)> {
        let refusal = Sample::read(value).unwrap_err();
        assert_eq!(refusal.reason, Reason::Invalid);
        let faults = refusal.faults.into_iter();
        faults.map(|it| (it.pointer, it.detail)).collect()
    }

    #[test]
    fn every_fault_is_found_at_once_and_named() {
        let found = faults(json!({
            "role": "king", "amount": 10, "tags": ["a", 2, "c"], "a/b": 1, "title": null,
        }));
        let pointers: Vec<&str> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
        let wanted = ["/title", "/role", "/amount", "/tags/1", "/tags", "/a~1b"];
        assert_eq!(pointers, wanted);
        assert_eq!(found[0].1, "must be a string, not null");
        assert_eq!(found[2].1, "must be a whole number from 0 to 9");
        assert_eq!(found[4].1, "must hold 1 to 2 entries, not 3");
        let known = "is not known; the fields are title, role, amount, tags";
        assert_eq!(found[5].1, known);
        assert_eq!(faults(json!({}))[0].1, "is missing");
        let whole = Sample::read(json!([])).unwrap_err();
        assert_eq!(whole.reason, Reason::Malformed);
    }

    #[test]
    fn what_is_left_out_is_not_what_is_null() {
        let read = |value| Sample::read(value).unwrap();
        let left_out = read(json!({ "title": " Shop " }));
        assert_eq!(&*left_out.title, "Shop");
        assert!(left_out.amount.is_none() && left_out.role.is_none() && left_out.tags.is_none());
        let null = read(json!({ "title": "Shop", "amount": null }));
        assert_eq!(null.amount, Some(OrNull(None)));
        assert_eq!(
            faults(json!({ "title": "Shop", "role": null }))[0].0,
            "/role"
        );
    }

    #[test]
    fn the_schema_says_what_is_taken() {
        let schema = Sample::schema();
        assert_eq!(schema["required"], json!(["title"]));
        let title = json!({
            "type": "string", "minLength": 1, "maxLength": 9,
            "pattern": r"^[^\x00]*[^\s\x00][^\x00]*$",
            "description": "What people call it.", "example": "Shop",
        });
        assert_eq!(schema["properties"]["title"], title);
        let amount = &schema["properties"]["amount"];
        assert_eq!(amount["type"], json!(["integer", "null"]));
        assert_eq!(amount["maximum"], 9);
        let role = &schema["properties"]["role"];
        assert_eq!(role["enum"], json!(["publisher", "viewer", "admin"]));
    }

    #[test]
    fn a_long_list_of_wrong_entries_names_the_first_ones() {
        let many = vec![0; 5_000];
        let found = faults(json!({ "title": "Shop", "tags": many }));
        assert_eq!(found.len(), MOST_OF_A_LIST);
    }

    #[test]
    fn a_body_of_unknown_fields_has_a_bounded_answer() {
        let unknown = (0..5_000).map(|n| (format!("f{n}"), Value::Null));
        let found = faults(Value::Object(unknown.collect()));
        assert_eq!(found.len(), MOST);
        assert_eq!(found[0].0, "/title");
    }
}
