//! The fields of a body, or the parameters of a query, while an input is read out of them.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{Faults, Given, InputField, kind_of};
use crate::service::{Reason, Refusal, Result};

/// The fields of an object that were not taken yet.
#[derive(Debug)]
pub struct Object<'a> {
    left: Vec<(Cow<'a, str>, Given<'a>)>,
    pub(super) faults: Faults,
    /// It is the query of an address, whose faults are named so.
    is_query: bool,
}

impl<'a> Object<'a> {
    /// The fields of a JSON object of which one is kept as it was written.
    #[must_use]
    pub fn keeping(map: Map<String, Value>, name: &str, raw: Option<&'a str>) -> Self {
        let mut object = Self::of(map);
        let kept = object.left.iter_mut().find(|(key, _)| key == name);
        if let (Some((_, given)), Some(raw)) = (kept, raw) {
            *given = Given::Raw(raw);
        }
        object
    }

    pub(super) fn new(value: Value) -> Result<Self> {
        match value {
            Value::Object(left) => Ok(Self::of(left)),
            other => {
                let detail = format!("The body is {}: a JSON object is needed.", kind_of(&other));
                Err(Refusal::new(Reason::Malformed, detail))
            }
        }
    }

    pub(super) fn of(map: Map<String, Value>) -> Self {
        let left = map.into_iter();
        Self {
            left: left
                .map(|(name, value)| (name.into(), Given::Json(value)))
                .collect(),
            faults: Faults::default(),
            is_query: false,
        }
    }

    pub(super) fn asked(parameters: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> Self {
        Self {
            left: parameters
                .map(|(name, value)| (name, Given::Typed(value)))
                .collect(),
            faults: Faults::default(),
            is_query: true,
        }
    }

    /// Takes a field.
    pub fn field<T: InputField>(&mut self, name: &str) -> Option<T> {
        let Some(place) = self.left.iter().position(|(key, _)| key == name) else {
            let missing = |faults: &mut Faults| faults.refuse("is missing");
            return T::absent().or_else(|| self.faults.beneath(name, missing));
        };
        let (_, given) = self.left.remove(place);
        if self.is_query {
            return self.parameter(name, given);
        }
        self.faults.beneath(name, |faults| T::read(given, faults))
    }

    fn parameter<T: InputField>(&mut self, name: &str, given: Given<'_>) -> Option<T> {
        self.faults.place = format!("?{name}");
        let before = self.left.len();
        self.left.retain(|(key, _)| key != name);
        let read = if self.left.len() < before {
            self.faults.refuse("is given more than once")
        } else if matches!(&given, Given::Typed(text) if text.is_empty()) {
            let empty = "is empty: leave it out, or give it a value";
            self.faults.refuse(empty)
        } else {
            T::read(given, &mut self.faults)
        };
        self.faults.place.clear();
        read
    }

    /// What is left over of a query is not known.
    pub(super) fn end_query(&mut self, parameters: &[&str]) {
        let known = match parameters {
            [] => "is not known: no parameters are taken here".to_owned(),
            names => format!("is not known; the parameters are {}", names.join(", ")),
        };
        for (name, _) in std::mem::take(&mut self.left) {
            let name: String = name.chars().take(64).collect();
            self.faults.add_at(format!("?{name}"), known.clone());
        }
    }

    /// What is left over is not known.
    pub(super) fn end(&mut self, fields: &[&str]) {
        let known = match fields {
            [] => "is not known: no fields are taken here".to_owned(),
            fields => format!("is not known; the fields are {}", fields.join(", ")),
        };
        for (name, _) in std::mem::take(&mut self.left) {
            self.faults.add_beneath(&name, known.clone());
        }
    }
}
