//! What Herald adds to Rhai for scripts. Each function is bounded by the size of what it is
//! given; those that could multiply it check first. None reads a file, the network, the
//! environment or a clock.

mod big;
mod bounded;
mod encode;
mod field;
mod order;
mod pattern;
mod shown;
mod text;
mod value;
mod when;

use std::cell::Cell;
use std::rc::Rc;

use rhai::{Engine, EvalAltResult, Position};

use super::budget::{Budget, Spent};
use super::engine::token;

/// The time that `now()` returns, in milliseconds since 1970: the attempt's.
#[derive(Default)]
pub(super) struct ScriptClock(Cell<i64>);

impl ScriptClock {
    pub(super) fn set(&self, milliseconds: i64) {
        self.0.set(milliseconds);
    }

    fn now(&self) -> i64 {
        self.0.get()
    }
}

type Fallible<T> = Result<T, Box<EvalAltResult>>;

pub(super) fn register(engine: &mut Engine, budget: &Rc<Budget>, clock: &Rc<ScriptClock>) {
    big::register(engine);
    bounded::register(engine, budget);
    encode::register(engine, budget);
    field::register(engine, budget);
    order::register(engine, budget);
    pattern::register(engine, budget);
    shown::register(engine, budget);
    text::register(engine, budget);
    value::register(engine, budget);
    when::register(engine, clock);
}

/// An error that a script can catch.
fn fail<T>(message: impl Into<String>) -> Fallible<T> {
    Err(EvalAltResult::ErrorRuntime(message.into().into(), Position::NONE).into())
}

/// The end of a run, which no script can catch.
fn over<T>(why: Spent) -> Fallible<T> {
    Err(EvalAltResult::ErrorTerminated(token(why), Position::NONE).into())
}

/// A value that would be too large, which no script can catch either.
fn too_large<T>(what: &str) -> Fallible<T> {
    Err(EvalAltResult::ErrorDataTooLarge(what.to_owned(), Position::NONE).into())
}
