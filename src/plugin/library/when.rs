//! Times, as milliseconds since 1970 in UTC.

use std::fmt::Write;
use std::rc::Rc;

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, NaiveDate, SecondsFormat};
use rhai::{Engine, ImmutableString};

use super::{Fallible, ScriptClock, fail};

/// The longest format, in bytes.
const MAX_FORMAT: usize = 100;

pub(super) fn register(engine: &mut Engine, clock: &Rc<ScriptClock>) {
    let clock = Rc::clone(clock);
    engine.register_fn("now", move || clock.now());
    engine.register_fn("parse_time", parse_time);
    engine.register_fn("format_time", format_time);
    // Rhai's own would stop the thread for as long as a script likes.
    engine
        .register_fn("sleep", |_: i64| no_sleep())
        .register_fn("sleep", |_: f64| no_sleep());
}

fn no_sleep() -> Fallible<()> {
    fail("a plugin cannot sleep")
}

/// RFC 3339 (`2026-11-22T01:02:03.456Z`, any offset), or a date alone: its first moment in UTC.
fn parse_time(text: ImmutableString) -> Fallible<i64> {
    if let Ok(time) = DateTime::parse_from_rfc3339(&text) {
        return Ok(time.timestamp_millis());
    }
    let date = NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok();
    match date.and_then(|date| date.and_hms_opt(0, 0, 0)) {
        Some(time) => Ok(time.and_utc().timestamp_millis()),
        None => fail("parse_time: a time such as 2026-11-22T01:02:03Z or 2026-11-22 was expected"),
    }
}

fn format_time(milliseconds: i64, format: ImmutableString) -> Fallible<String> {
    let Some(time) = DateTime::from_timestamp_millis(milliseconds) else {
        return fail("format_time: no year has that time");
    };
    if format == "rfc3339" {
        return Ok(time.to_rfc3339_opts(SecondsFormat::AutoSi, true));
    }
    let items: Vec<Item<'_>> = StrftimeItems::new(&format).collect();
    let mut text = String::new();
    if format.len() > MAX_FORMAT
        || items.contains(&Item::Error)
        || write!(text, "{}", time.format_with_items(items.iter())).is_err()
    {
        return fail("format_time: `rfc3339` or a format such as %Y-%m-%d %H:%M:%S was expected");
    }
    Ok(text)
}
