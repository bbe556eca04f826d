//! The search for the worst: random schemas that are accepted, random payloads that are checked,
//! and what each took. It knows the catalogue alone.

use std::fmt::Write as _;
use std::time::Duration;

use herald::catalogue::{Load, Validator};
use herald::domain::event::MAX_EVENT_BYTES;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Map, Value, json};

use crate::known::known;

/// What the search found.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) schemas: u64,
    pub(crate) refused: u64,
    pub(crate) checks: u64,
    pub(crate) unchecked: u64,
    /// The most expensive, first of all.
    pub(crate) compiled: Vec<Dear>,
    pub(crate) checked: Vec<Dear>,
    /// Bytes that the process grew by, at most, while one schema was compiled or one payload was
    /// checked.
    pub(crate) growth: u64,
    pub(crate) grown_by: String,
}

/// One of the expensive.
pub(crate) struct Dear {
    pub(crate) took: Duration,
    pub(crate) what: String,
}

/// How many of the expensive are kept.
const KEPT: usize = 5;

impl Found {
    pub(crate) fn report(&self) -> String {
        let mut text = format!(
            "{} schemas accepted, {} refused; {} payloads checked, {} not\n",
            self.schemas, self.refused, self.checks, self.unchecked
        );
        for (title, dear) in [("compiled", &self.compiled), ("checked", &self.checked)] {
            for one in dear {
                let _ = writeln!(text, "{title} in {:?}: {}", one.took, one.what);
            }
        }
        let mib = self.growth >> 20;
        let _ = write!(text, "grew by {mib} MiB at most: {}", self.grown_by);
        text
    }
}

impl Found {
    fn grew(&mut self, before: u64, what: impl FnOnce() -> String) {
        let growth = memory("VmHWM:").saturating_sub(before);
        if growth > self.growth {
            self.growth = growth;
            self.grown_by = what();
        }
    }
}

/// Forgets the most memory that the process had; what it has now.
fn forget_peak() -> u64 {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    memory("VmRSS:")
}

fn keep(list: &mut Vec<Dear>, took: Duration, what: impl FnOnce() -> String) {
    if list.len() >= KEPT && list.last().is_some_and(|last| last.took >= took) {
        return;
    }
    list.push(Dear { took, what: what() });
    list.sort_by_key(|dear| std::cmp::Reverse(dear.took));
    list.truncate(KEPT);
}

/// Tries what is known, then searches for so long, from a seed.
pub(crate) fn search(seed: u64, budget: Duration) -> Found {
    let mut dice = Dice(seed | 1);
    let mut found = Found::default();
    for (kind, schema, value) in known() {
        if let Some(validator) = found.compile(&schema) {
            found.check(&schema, &validator, kind, &event(&value));
        }
    }
    let begun = std::time::Instant::now();
    while begun.elapsed() < budget {
        let schema = schema(&mut dice);
        let Some(validator) = found.compile(&schema) else {
            continue;
        };
        for _ in 0..4 {
            let (kind, body) = payload(&mut dice);
            if body.len() <= MAX_EVENT_BYTES {
                found.check(&schema, &validator, kind, &body);
            }
        }
    }
    found
}

impl Found {
    fn compile(&mut self, schema: &Value) -> Option<Validator> {
        let before = forget_peak();
        let (made, took) = timed(|| Validator::compile(schema));
        let what = || beginning(&schema.to_string());
        self.grew(before, || format!("compiling {}", what()));
        keep(&mut self.compiled, took, what);
        match made {
            Ok(validator) => {
                self.schemas += 1;
                Some(validator)
            }
            Err(_refused) => {
                self.refused += 1;
                None
            }
        }
    }

    fn check(&mut self, schema: &Value, validator: &Validator, kind: &str, body: &str) {
        if validator.refuses(&Load::of(body.as_bytes())).is_some() {
            self.unchecked += 1;
            return;
        }
        let before = forget_peak();
        let (_, took) = timed(|| {
            let document: Value = serde_json::from_str(body).unwrap();
            validator.validate(&document)
        });
        self.checks += 1;
        let schema = || beginning(&schema.to_string());
        let what = || format!("{kind} of {} bytes by {}", body.len(), schema());
        keep(&mut self.checked, took, what);
        self.grew(before, what);
    }
}

/// What something gives, and the processor time that it took.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(
            u64::try_from(time.tv_sec).unwrap(),
            u32::try_from(time.tv_nsec).unwrap(),
        )
    };
    let begun = now();
    let made = work();
    (made, now().saturating_sub(begun))
}

/// Bytes of the process: what it has (`VmRSS:`), or had at most (`VmHWM:`).
pub(crate) fn memory(which: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(which)).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1024
}

fn beginning(text: &str) -> String {
    let begin: String = text.chars().take(400).collect();
    format!("{begin} ({} bytes)", text.len())
}

/// A generator of numbers (xorshift), so that a seed tells all that is made of it.
pub(crate) struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Below `end`.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from((self.next() >> 11) % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    /// From 1 to `most`, small numbers as likely as large ones.
    fn size(&mut self, most: usize) -> usize {
        let bits = usize::try_from(most.ilog2()).unwrap() + 1;
        let end = 1 << (1 + self.below(bits));
        (1 + self.below(end)).min(most)
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn luck(&mut self, in_ten: usize) -> bool {
        self.below(10) < in_ten
    }
}

/// A schema: one of the families that are known to be bad, or any.
pub(crate) fn schema(dice: &mut Dice) -> Value {
    let mut schema = match dice.below(12) {
        0 => unevaluated(dice),
        1 => values(dice),
        2 => patterns(dice),
        3 => references(dice),
        4 => json!({"uniqueItems": true, "items": any(dice, 3)}),
        5 => json!({"additionalProperties": nested(dice, "anyOf"), "items": nested(dice, "oneOf")}),
        6 => names(dice),
        7 => texts(dice),
        _ => any(dice, 5),
    };
    // So that it concerns the whole payload, whose root is an object.
    if dice.luck(8) {
        let inner = schema.take();
        schema = json!({"additionalProperties": {"items": inner, "additionalProperties": inner}});
        if dice.luck(5) {
            let all: Vec<Value> = (0..dice.size(20)).map(|_| inner.clone()).collect();
            schema = json!({"additionalProperties": {"allOf": all, "items": inner}});
        }
    }
    schema
}

/// `unevaluated…` beside other schemas, inside one another.
fn unevaluated(dice: &mut Dice) -> Value {
    let key = dice.one(&["unevaluatedProperties", "unevaluatedItems"]);
    // What fits costs the most: nothing ends early.
    let fits = dice.luck(6);
    let mut schema = json!({});
    for _ in 0..dice.size(32) {
        let beside = dice.one(&[
            "allOf",
            "anyOf",
            "oneOf",
            "if",
            "then",
            "$ref",
            "dependentSchemas",
        ]);
        let mut outer = Map::new();
        let left = if fits { json!(true) } else { any(dice, 1) };
        outer.insert(key.to_owned(), left);
        let inner = match beside {
            "if" | "then" => schema,
            "dependentSchemas" => json!({"a": schema, "k0": schema}),
            "$ref" => {
                outer.insert("allOf".to_owned(), json!([schema.clone()]));
                schema
            }
            _ => Value::Array(vec![schema; dice.size(3)]),
        };
        let name = if beside == "$ref" { "else" } else { beside };
        outer.insert(name.to_owned(), inner);
        schema = Value::Object(outer);
        if is_large(&schema) {
            break;
        }
    }
    schema
}

/// Many values, or large ones, that each value is compared with.
fn values(dice: &mut Dice) -> Value {
    let many = dice.size(8_000);
    let option = |n: usize, kind: usize| match kind {
        0 => json!(n),
        1 => json!(format!("{}{n}", "x".repeat(n % 50))),
        2 => json!([[n], {"a": n}]),
        _ => json!({"a": [0, 0, 0, 0, n]}),
    };
    let kind = dice.below(4);
    let mut list: Vec<Value> = (0..many).map(|n| option(n, kind)).collect();
    list.push(json!(1.5));
    match dice.below(3) {
        0 => json!({"const": list}),
        1 => json!({"contains": {"enum": list}}),
        _ => json!({"items": {"enum": list}, "enum": [list.clone(), 1]}),
    }
}

/// Patterns: many, large ones, and such whose states multiply.
fn patterns(dice: &mut Dice) -> Value {
    let mut all = Vec::new();
    let mut map = Map::new();
    for n in 0..dice.size(200) {
        let count = dice.size(400);
        let pattern = match dice.below(8) {
            0 => format!("(a|b)*a(a|b){{{}}}$", count % 40),
            1 => format!("^[a-z0-9]{{1,{count}}}-{n}$"),
            2 => format!("(x+x+)+y{n}"),
            3 => format!("\\w{{{}}}\\d{n}", count % 60),
            4 => format!("[^a]{{{count}}}|{n}"),
            5 => format!("\\p{{L}}{{1,{}}}{n}", count % 12),
            6 => format!("(.*a){{{}}}b{n}", count % 20),
            _ => format!("^{n}-(a|aa)+$"),
        };
        if dice.luck(3) {
            map.insert(pattern, any(dice, 1));
        } else {
            all.push(json!({"pattern": pattern}));
        }
    }
    all.push(json!({"patternProperties": map}));
    match dice.below(3) {
        0 => json!({"items": {"allOf": all}}),
        1 => json!({"propertyNames": {"allOf": all}}),
        _ => json!({"allOf": all, "items": {"anyOf": all}}),
    }
}

/// References that multiply.
fn references(dice: &mut Dice) -> Value {
    let levels = dice.size(30);
    let each = dice.size(4);
    let key = dice.one(&["allOf", "anyOf", "oneOf"]);
    let mut places = Map::new();
    for n in 0..levels {
        let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
        let mut one = Map::new();
        one.insert(key.to_owned(), Value::Array(vec![next.clone(); each]));
        if dice.luck(3) {
            one.insert("unevaluatedProperties".to_owned(), json!(true));
        }
        if dice.luck(2) {
            one.insert("items".to_owned(), next);
        }
        places.insert(format!("d{n}"), Value::Object(one));
    }
    places.insert(format!("d{levels}"), any(dice, 2));
    json!({"$defs": places, "additionalProperties": {"$ref": "#/$defs/d0"}, "$ref": "#/$defs/d0"})
}

/// One keyword inside itself, branch by branch.
fn nested(dice: &mut Dice, key: &str) -> Value {
    let mut schema = any(dice, 1);
    for _ in 0..dice.size(40) {
        let mut outer = Map::new();
        let mut list = vec![schema; dice.size(2)];
        list.push(json!({"type": "null"}));
        outer.insert(key.to_owned(), Value::Array(list));
        schema = Value::Object(outer);
        if is_large(&schema) {
            break;
        }
    }
    schema
}

/// So large that twice as much would be refused for its bytes alone.
fn is_large(schema: &Value) -> bool {
    schema.to_string().len() > 16 * 1024
}

/// Many names, and long ones.
fn names(dice: &mut Dice) -> Value {
    let length = dice.size(300);
    let many = (40_000 / (length + 12)).min(dice.size(4_000));
    let names: Vec<String> = (0..many)
        .map(|n| format!("{}{n}", "k".repeat(length)))
        .collect();
    let fields: Map<String, Value> = names
        .iter()
        .map(|name| (name.clone(), json!(true)))
        .collect();
    let object = match dice.below(4) {
        0 => json!({"required": names}),
        1 => json!({"properties": fields}),
        2 => json!({"dependentRequired": {"k0": names}}),
        _ => json!({"dependentSchemas": fields}),
    };
    json!({"items": object, "additionalProperties": object})
}

/// What texts are read as.
fn texts(dice: &mut Dice) -> Value {
    let format = dice.one(&[
        "regex",
        "idn-hostname",
        "idn-email",
        "email",
        "uri",
        "iri",
        "uri-template",
        "date-time",
        "hostname",
        "ipv6",
        "json-pointer",
        "uuid",
        "duration",
    ]);
    let mut schema = json!({"format": format, "minLength": 1, "maxLength": 100_000});
    if dice.luck(3) {
        schema = json!({"contentMediaType": "application/json", "contentEncoding": "base64"});
        if dice.luck(5) {
            schema = json!({"contentMediaType": "application/json"});
        }
    }
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "additionalProperties": {"items": schema, "anyOf": [schema, {"type": "array"}]}
    })
}

/// Any schema.
fn any(dice: &mut Dice, depth: usize) -> Value {
    if depth == 0 {
        return dice.one(&[
            || json!(true),
            || json!(false),
            || json!({}),
            || json!({"type": "string"}),
            || json!({"type": ["integer", "null"]}),
            || json!({"minimum": 3, "multipleOf": 0.01}),
            || json!({"maxLength": 5}),
            || json!({"pattern": "^(a+)+$"}),
            || json!({"minItems": 2}),
        ])();
    }
    let mut schema = Map::new();
    for _ in 0..1 + dice.below(4) {
        let key = dice.one(&[
            "allOf",
            "anyOf",
            "oneOf",
            "not",
            "if",
            "then",
            "else",
            "items",
            "contains",
            "properties",
            "patternProperties",
            "additionalProperties",
            "unevaluatedProperties",
            "unevaluatedItems",
            "prefixItems",
            "propertyNames",
            "dependentSchemas",
            "uniqueItems",
            "enum",
            "required",
        ]);
        let value = match key {
            "allOf" | "anyOf" | "oneOf" | "prefixItems" => {
                (0..dice.size(4)).map(|_| any(dice, depth - 1)).collect()
            }
            "properties" | "dependentSchemas" => {
                let one = |n: usize| (format!("k{n}"), any(dice, depth - 1));
                Value::Object((0..4).map(one).collect())
            }
            "patternProperties" => json!({"^k": any(dice, depth - 1), "a|b": any(dice, 0)}),
            "uniqueItems" => json!(true),
            "enum" => json!([1, "a", [1], {"a": 1}]),
            "required" => json!(["k0", "a"]),
            _ => any(dice, depth - 1),
        };
        schema.insert(key.to_owned(), value);
    }
    Value::Object(schema)
}

/// A payload, and what it is.
pub(crate) fn payload(dice: &mut Dice) -> (&'static str, String) {
    let bytes = dice.size(1_000_000) + 20;
    let kinds = [
        "zeros",
        "objects",
        "nested arrays",
        "integers beyond 2^53",
        "a long text",
        "texts",
        "a long name",
        "many names",
        "deep arrays",
        "deep objects",
        "empty objects",
        "pairs",
        "JSON in texts",
    ];
    let kind = dice.one(&kinds);
    let inner = match kind {
        "zeros" => list(bytes, |_| "0".to_owned()),
        "objects" => list(bytes, |n| format!("{{\"a\":{n},\"k0\":\"x\",\"b\":[1]}}")),
        "nested arrays" => list(bytes, tree),
        "integers beyond 2^53" => list(bytes, |n| {
            (u64::MAX - u64::try_from(n).unwrap()).to_string()
        }),
        "a long text" => format!(
            "\"{}\"",
            dice.one(&["a", "ab", "xyx", "é", "k", "1"])
                .repeat(bytes / 2)
        ),
        "texts" => list(bytes, |n| format!("\"{}{n}\"", "ab".repeat(n % 30))),
        "a long name" => format!(
            "{{\"{}\":{}}}",
            "k".repeat(bytes / 2),
            list(bytes / 2, |_| "0".to_owned())
        ),
        "many names" => {
            let members: Vec<String> = (0..bytes / 10).map(|n| format!("\"k{n}\":{n}")).collect();
            format!("{{{}}}", members.join(","))
        }
        "deep arrays" => deep(bytes, "[", "]"),
        "deep objects" => deep(bytes, "{\"a\":", "}"),
        "empty objects" => list(bytes, |_| "{}".to_owned()),
        "pairs" => list(bytes, |n| format!("[[{}],[{}]]", n % 7, n)),
        _ => list(bytes, |_| format!("\"[{}0]\"", "{},".repeat(100))),
    };
    (kind, event(&inner))
}

fn event(value: &str) -> String {
    format!("{{\"event_type\":\"A\",\"a\":{value}}}")
}

fn list(bytes: usize, item: impl Fn(usize) -> String) -> String {
    let mut text = String::from("[");
    for n in 0.. {
        let next = item(n);
        if n > 0 && text.len() + next.len() + 2 > bytes {
            break;
        }
        if n > 0 {
            text.push(',');
        }
        text.push_str(&next);
    }
    text.push(']');
    text
}

/// The tree of that number, in arrays that hold nothing else.
pub(crate) fn tree(number: usize) -> String {
    let mut text = String::from("[");
    let mut bits = number + 2;
    let mut open = 1;
    while bits > 1 {
        if bits & 1 == 1 && open < 100 {
            if text.ends_with(']') {
                text.push(',');
            }
            text.push('[');
            open += 1;
        } else if open > 1 {
            text.push(']');
            open -= 1;
        }
        bits >>= 1;
    }
    text.push_str(&"]".repeat(open));
    text
}

fn deep(bytes: usize, begin: &str, end: &str) -> String {
    let one = format!("{}0{}", begin.repeat(100), end.repeat(100));
    list(bytes, |_| one.clone())
}
