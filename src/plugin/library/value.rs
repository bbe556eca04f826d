//! JSON text in and out, the log, numbers beyond Rhai's own, and what a script's tests use.

use std::rc::Rc;

use rhai::{Dynamic, Engine, ImmutableString, Map};

use super::{Budget, Fallible, fail, too_large};
use crate::catalogue;
use crate::domain::event_type::nearest;
use crate::plugin::json;
use crate::plugin::view::{ScriptEvent, ScriptSubscription};

pub(super) fn register(engine: &mut Engine, budget: &Rc<Budget>) {
    let account = Rc::clone(budget);
    engine.register_fn("parse_json", move |text: ImmutableString| {
        parse_json(&text, &account)
    });
    let most = budget.limits().string_bytes;
    // Rhai has its own for maps, which writes other numbers and takes what JSON does not have.
    engine.register_fn("to_json", move |value: Map| to_json(&value.into(), most));
    engine.register_fn("to_json", move |value: Dynamic| to_json(&value, most));

    let account = Rc::clone(budget);
    engine.register_fn("log", move |value: Dynamic| log(&account, &value));
    // Rhai's own is the logarithm, which would swallow the line.
    let account = Rc::clone(budget);
    engine.register_fn("log", move |value: f64| log(&account, &value.into()));

    engine.register_fn("exit", || -> Fallible<()> {
        fail("use `return`, not exit")
    });
    engine.register_fn("exit", |_: Dynamic| -> Fallible<()> {
        fail("use `return`, not exit")
    });

    engine.register_fn("assert", |holds: bool| assert(holds, "assertion failed"));
    engine.register_fn("assert", |holds: bool, message: ImmutableString| {
        assert(holds, &message)
    });
    engine.register_fn("assert_eq", move |left: Dynamic, right: Dynamic| {
        assert_eq(&left, &right, most)
    });
    engine.register_fn("example", example);
}

fn parse_json(text: &str, budget: &Budget) -> Fallible<Dynamic> {
    match json::read(text) {
        Ok(read) => {
            if let Some(lost) = read.lost() {
                budget.log(&lost);
            }
            Ok(read.value)
        }
        Err(error) => fail(format!("parse_json: {error}")),
    }
}

fn to_json(value: &Dynamic, most: usize) -> Fallible<String> {
    match json::write(value, most) {
        Ok(text) => Ok(text),
        Err(json::WriteError::TooLong(_)) => too_large("JSON text"),
        Err(error) => fail(format!("to_json: {error}")),
    }
}

/// A text as it is, anything else as JSON.
fn log(budget: &Budget, value: &Dynamic) {
    let most = budget.limits().log_bytes;
    match json::text_of(value) {
        Some(text) => budget.log(&text),
        None => match json::write(value, most) {
            Ok(text) => budget.log(&text),
            Err(_) => budget.log(&format!("(a {})", json::kind_of(value))),
        },
    }
}

fn assert(holds: bool, message: &str) -> Fallible<()> {
    if holds { Ok(()) } else { fail(message) }
}

/// Equal as JSON, so that the order of a map's names does not count.
fn assert_eq(left: &Dynamic, right: &Dynamic, most: usize) -> Fallible<()> {
    let (left, right) = (to_json(left, most)?, to_json(right, most)?);
    if left == right {
        return Ok(());
    }
    fail(format!("{left} is not {right}"))
}

/// The event that hooks get, with the catalogue's example of that type as payload.
fn example(event_type: ImmutableString) -> Fallible<Dynamic> {
    let known = catalogue::find(&event_type).and_then(|known| known.example.as_ref());
    let Some(payload) = known else {
        let names = catalogue::builtin().iter().map(|known| known.name.as_str());
        let near = nearest(&event_type, names).join(", ");
        return fail(format!(
            "example: no built-in event type of that name; near: {near}"
        ));
    };
    let view = ScriptEvent {
        id: "evt_01jz0000000000000000000000",
        event_type: &event_type,
        received_at: chrono::DateTime::UNIX_EPOCH,
        attempt: 1,
        payload: payload.get().as_bytes(),
        subscription: ScriptSubscription {
            id: "sub_01jz0000000000000000000000",
            title: "Example",
            target: "https://example.com/",
        },
        now: chrono::DateTime::UNIX_EPOCH,
    };
    match crate::plugin::chain::event_map(&view) {
        Ok((map, _)) => Ok(map.into()),
        Err(error) => fail(format!("example: {error}")),
    }
}
