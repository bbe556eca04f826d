//! What a schema costs, found before it is compiled: a walk over all of it that follows its
//! references. What is too expensive is refused with the place and the reason.
//!
//! The model bounds what the library does (jsonschema 0.60), as the search in `tests/schemas`
//! measures it. A keyword that the library begins to treat in another way is changed here.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::patterns::{self, PatternCost};
use super::references::{asserts_formats, refuse_other_bases, resolve, step};
use super::weight::{Marking, Sum, Weighed, Weight};
use super::{MAX_STEPS, SchemaError};

/// Bytes of a schema, as JSON without white space.
pub const MAX_SCHEMA_BYTES: usize = 64 * 1024;

/// Sub-schemas of a schema with all its references written out, and with what `unevaluated…`
/// adds.
const MAX_SCHEMAS: u64 = 10_000;

/// How deep sub-schemas may nest, references included: less than a thread's stack bears.
const MAX_HEIGHT: usize = 64;

/// Bytes that all patterns of a schema may take, compiled.
const MAX_PATTERN_SUM: usize = 512 * 1024;

/// Steps that one value of an event may cost at most.
const MAX_PER_VALUE: u64 = 20_000;

/// Steps that each byte of an event's texts may cost at most.
const MAX_PER_BYTE: u64 = 10_000;

/// What a schema costs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    /// Steps for each value of an event, and for each byte.
    pub(super) most: Weight,
    /// `anyOf` and `oneOf` inside one another.
    pub(super) choices: u64,
    /// Schemas of which the compiled one is made.
    pub(super) nodes: u64,
    /// Bytes of its compiled patterns.
    pub(super) pattern_bytes: usize,
    /// It asks for `uniqueItems` somewhere.
    pub(super) unique: bool,
}

/// Which bounds count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judge {
    /// All: somebody makes or changes it now.
    New,
    /// Those without which compiling it is not safe: it was taken when there were fewer.
    Stored,
}

/// Measures a schema.
///
/// # Errors
/// It is too expensive, or holds a reference that must not be: where, and why.
pub(super) fn measure(schema: &Value, judge: Judge) -> Result<Cost, SchemaError> {
    let asserts_formats = asserts_formats(schema)?;
    if judge == Judge::New {
        let bytes = schema.to_string().len();
        if bytes > MAX_SCHEMA_BYTES {
            let detail = format!(
                "is too large: {bytes} bytes without white space, at most {MAX_SCHEMA_BYTES} are \
                 allowed"
            );
            return Err(SchemaError::new("", detail));
        }
    }
    let mut walk = Walk {
        root: schema,
        judge,
        asserts_formats,
        places: HashMap::new(),
        patterns: HashMap::new(),
        pattern_bytes: 0,
        unique: false,
    };
    let weighed = walk.target("", "", schema, 0)?;
    Ok(Cost {
        most: weighed.most(),
        choices: weighed.choices,
        nodes: weighed.nodes,
        pattern_bytes: walk.pattern_bytes,
        unique: walk.unique,
    })
}

/// A walk over a schema that follows its references.
struct Walk<'a> {
    root: &'a Value,
    judge: Judge,
    asserts_formats: bool,
    /// For each place that was reached, what the schema there costs; none while it is measured.
    places: HashMap<String, Option<Weighed>>,
    patterns: HashMap<&'a str, Option<PatternCost>>,
    pattern_bytes: usize,
    unique: bool,
}

impl<'a> Walk<'a> {
    /// The cost of the schema at `place`, to which the reference at `from` leads.
    fn target(
        &mut self,
        from: &str,
        place: &str,
        schema: &'a Value,
        depth: usize,
    ) -> Result<Weighed, SchemaError> {
        match self.places.get(place) {
            Some(Some(known)) => return Ok(*known),
            Some(None) => {
                let detail = "leads back to a schema that it is part of: \
                              a schema must not refer to itself";
                return Err(SchemaError::new(from, detail));
            }
            None => {}
        }
        self.places.insert(place.to_owned(), None);
        let weighed = self.schema(place, schema, depth)?;
        self.places.insert(place.to_owned(), Some(weighed));
        Ok(weighed)
    }

    /// The cost of one schema with everything below it.
    fn schema(
        &mut self,
        place: &str,
        schema: &'a Value,
        depth: usize,
    ) -> Result<Weighed, SchemaError> {
        if depth > MAX_HEIGHT {
            return Err(too_deep(place));
        }
        let Value::Object(keywords) = schema else {
            return Ok(Sum::new().total());
        };
        refuse_other_bases(place, keywords)?;
        let mut sum = Sum::new();
        let mut dearest = ("", 0);
        let mut before = 0;
        for (keyword, value) in keywords {
            self.keyword(&mut sum, keyword, value, &step(place, keyword), depth)?;
            let Weight { value, text } = sum.total().most();
            let now = value.max(text);
            let more = now.saturating_sub(before);
            if more > dearest.1 {
                dearest = (keyword, more);
            }
            before = now;
        }
        let whole = sum.total();
        // A schema that was met before by a shorter way has its height, not its depth.
        if whole.height > MAX_HEIGHT {
            return Err(too_deep(place));
        }
        if whole.nodes > MAX_SCHEMAS {
            let detail = format!(
                "is too large: with its references written out, more than {MAX_SCHEMAS} schemas"
            );
            return Err(SchemaError::new(place, detail));
        }
        self.judge(place, &whole, dearest.0)?;
        Ok(whole)
    }

    fn judge(&self, place: &str, whole: &Weighed, dearest: &str) -> Result<(), SchemaError> {
        let Weight { value, text } = whole.most();
        let (per_value, per_byte) = match self.judge {
            Judge::New => (MAX_PER_VALUE, MAX_PER_BYTE),
            // Beyond that no event of any size could be checked.
            Judge::Stored => (MAX_STEPS, MAX_STEPS),
        };
        let (steps, most, of) = if value > per_value {
            (value, per_value, "one value")
        } else if text > per_byte {
            (text, per_byte, "one byte of a text")
        } else {
            return Ok(());
        };
        let advice = match dearest {
            "unevaluatedProperties" | "unevaluatedItems" => {
                "it applies the schemas beside it once more, and each level of it doubles that: \
                 keep it at the outermost schema alone"
            }
            "enum" | "const" => "each value is compared with all of it: list less",
            "pattern" | "patternProperties" => "simpler patterns cost less",
            "properties" | "required" | "dependentRequired" => "name fewer fields in one place",
            _ => "fewer schemas for the same value cost less",
        };
        let detail = format!(
            "costs too much: checking {of} of an event could take {steps} steps, at most {most} \
             are allowed; {advice}"
        );
        let place = if dearest.is_empty() {
            place.to_owned()
        } else {
            step(place, dearest)
        };
        Err(SchemaError::new(place, detail))
    }

    fn keyword(
        &mut self,
        sum: &mut Sum,
        keyword: &str,
        value: &'a Value,
        at: &str,
        depth: usize,
    ) -> Result<(), SchemaError> {
        match keyword {
            "$ref" => {
                if let Some((place, schema)) = resolve(self.root, at, value)? {
                    let part = self.target(at, place, schema, depth + 1)?;
                    sum.same(&part, Marking::Always);
                }
            }
            "not" => self.each(at, value, depth, |part| sum.same(part, Marking::None))?,
            "then" | "else" => {
                self.each(at, value, depth, |part| sum.same(part, Marking::Always))?
            }
            "allOf" | "if" => {
                self.each(at, value, depth, |part| sum.same(part, Marking::IfItFits))?;
            }
            "anyOf" | "oneOf" => {
                self.each(at, value, depth, |part| sum.same(part, Marking::IfItFits))?;
                sum.choose();
            }
            "dependentSchemas" | "dependencies" => {
                self.each_of(at, value, depth, |part| sum.same(part, Marking::Always))?;
                sum.own(names(value));
            }
            "properties" => {
                self.each_of(at, value, depth, |part| sum.one_member(part))?;
                sum.own(names(value));
            }
            "patternProperties" => {
                self.each_of(at, value, depth, |part| sum.any_member(part))?;
                for pattern in value.as_object().into_iter().flat_map(Map::keys) {
                    sum.name(Weight::new(40, self.pattern(pattern, at)?));
                }
            }
            "additionalProperties" => self.each(at, value, depth, |part| sum.any_member(part))?,
            "propertyNames" => {
                self.each(at, value, depth, |part| sum.any_member(part))?;
                sum.deep(Weight::new(60, 2));
            }
            "unevaluatedProperties" | "unevaluatedItems" => {
                self.each(at, value, depth, |part| {
                    sum.any_member(part);
                    sum.any_item(part);
                    sum.marks_with(part);
                })?;
                sum.unevaluated();
            }
            "prefixItems" => self.each(at, value, depth, |part| sum.one_item(part))?,
            "items" if value.is_array() => {
                self.each(at, value, depth, |part| sum.one_item(part))?;
            }
            "items" | "additionalItems" => {
                self.each(at, value, depth, |part| sum.any_item(part))?
            }
            "contains" => self.each(at, value, depth, |part| {
                sum.any_item(part);
                sum.marks_with(part);
            })?,
            // Compiled where something refers to them alone; wrong in any case.
            "$defs" | "definitions" => self.each_of(at, value, depth, |_| {})?,
            "contentSchema" => self.each(at, value, depth, |_| {})?,
            "pattern" => {
                if let Some(pattern) = value.as_str() {
                    sum.own(Weight::new(60, self.pattern(pattern, at)?));
                }
            }
            "uniqueItems" if value == &Value::Bool(true) => {
                self.unique = true;
                sum.deep(Weight::new(120, 4));
            }
            "format" if self.asserts_formats => sum.own(format_weight(value)),
            "contentMediaType" | "contentEncoding" if self.asserts_formats => {
                sum.own(Weight::new(200, 150));
            }
            "enum" | "const" => sum.own(options(value)),
            "required" | "dependentRequired" => sum.own(names(value)),
            _ => sum.own(Weight::new(10, 1)),
        }
        Ok(())
    }

    /// A schema, or each of a list of them.
    fn each(
        &mut self,
        at: &str,
        value: &'a Value,
        depth: usize,
        mut take: impl FnMut(&Weighed),
    ) -> Result<(), SchemaError> {
        let Value::Array(schemas) = value else {
            take(&self.schema(at, value, depth + 1)?);
            return Ok(());
        };
        for (index, schema) in schemas.iter().enumerate() {
            take(&self.schema(&step(at, &index.to_string()), schema, depth + 1)?);
        }
        Ok(())
    }

    /// Each schema of a map.
    fn each_of(
        &mut self,
        at: &str,
        value: &'a Value,
        depth: usize,
        mut take: impl FnMut(&Weighed),
    ) -> Result<(), SchemaError> {
        for (name, schema) in value.as_object().into_iter().flatten() {
            take(&self.schema(&step(at, name), schema, depth + 1)?);
        }
        Ok(())
    }

    /// Steps for each byte that a pattern is matched against.
    fn pattern(&mut self, pattern: &'a str, at: &str) -> Result<u64, SchemaError> {
        if let Some(known) = self.patterns.get(pattern) {
            return Ok(known.map_or(0, |cost| cost.per_byte));
        }
        let cost = patterns::measure(pattern);
        self.patterns.insert(pattern, cost);
        // Without a cost it does not compile, which is reported when it is.
        let Some(cost) = cost else { return Ok(0) };
        self.pattern_bytes = self.pattern_bytes.saturating_add(cost.bytes);
        if self.pattern_bytes > MAX_PATTERN_SUM {
            let detail = format!(
                "makes the patterns of the schema too large: compiled they may take \
                 {MAX_PATTERN_SUM} bytes together; use fewer or simpler ones"
            );
            return Err(SchemaError::new(at, detail));
        }
        Ok(cost.per_byte)
    }
}

fn too_deep(place: &str) -> SchemaError {
    let detail = format!("is nested deeper than {MAX_HEIGHT} schemas");
    SchemaError::new(place, detail)
}

/// The names of fields that are looked for in each object.
fn names(value: &Value) -> Weight {
    fn of(value: &Value) -> u64 {
        match value {
            Value::String(name) => name_steps(name),
            Value::Array(list) => list.iter().map(of).fold(0, u64::saturating_add),
            Value::Object(map) => map
                .iter()
                .map(|(name, value)| match value {
                    Value::Array(_) => name_steps(name).saturating_add(of(value)),
                    _ => name_steps(name),
                })
                .fold(0, u64::saturating_add),
            _ => 0,
        }
    }
    Weight::new(of(value), 0)
}

/// One name: what it takes to find it grows a little with its length.
fn name_steps(name: &str) -> u64 {
    10 + length(name) / 8
}

/// Values that each value is compared with.
fn options(value: &Value) -> Weight {
    fn size(value: &Value) -> u64 {
        match value {
            Value::String(text) => 6 + length(text) / 16,
            Value::Array(list) => list.iter().map(size).fold(10, u64::saturating_add),
            Value::Object(map) => map
                .iter()
                .map(|(name, value)| name_steps(name).saturating_add(size(value)))
                .fold(10, u64::saturating_add),
            _ => 6,
        }
    }
    match value {
        // Texts alone are looked up in a table.
        Value::Array(list) if list.iter().all(|it| it.is_string() || it.is_null()) => {
            Weight::new(100, 2)
        }
        value => Weight::new(size(value), 1),
    }
}

/// Reading a text as what it should be. Most formats are read once from left to right; a regular
/// expression becomes a tree, international names are normalized.
fn format_weight(value: &Value) -> Weight {
    match value.as_str() {
        Some("regex") => Weight::new(500, 400),
        Some(name) if name.starts_with("idn-") || name.starts_with("iri") => Weight::new(300, 100),
        _ => Weight::new(200, 20),
    }
}

fn length(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
