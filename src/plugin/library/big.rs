//! Numbers beyond Rhai's own: they can be shown and compared. Comparing has to be bound, because
//! Rhai returns `false` for two types that it cannot compare.

use std::cmp::Ordering;

use rhai::Engine;

use super::{Fallible, fail};
use crate::plugin::number::{BigNumber, compare};

pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<BigNumber>("bignumber");
    engine.register_fn("to_string", |number: BigNumber| number.to_string());
    engine.register_fn("to_debug", |number: BigNumber| number.to_string());
    operator(engine, "==", Ordering::is_eq);
    operator(engine, "!=", Ordering::is_ne);
    operator(engine, "<", Ordering::is_lt);
    operator(engine, "<=", Ordering::is_le);
    operator(engine, ">", Ordering::is_gt);
    operator(engine, ">=", Ordering::is_ge);
}

fn operator(engine: &mut Engine, name: &str, holds: fn(Ordering) -> bool) {
    let judge = move |left: &str, right: &str| -> Fallible<bool> {
        match compare(left, right) {
            Some(order) => Ok(holds(order)),
            None => fail(format!("{left} and {right} cannot be compared")),
        }
    };
    engine
        .register_fn(name, move |left: BigNumber, right: BigNumber| {
            judge(left.text(), right.text())
        })
        .register_fn(name, move |left: BigNumber, right: i64| {
            judge(left.text(), &right.to_string())
        })
        .register_fn(name, move |left: i64, right: BigNumber| {
            judge(&left.to_string(), right.text())
        })
        .register_fn(name, move |left: BigNumber, right: f64| {
            judge(left.text(), &format!("{right:e}"))
        })
        .register_fn(name, move |left: f64, right: BigNumber| {
            judge(&format!("{left:e}"), right.text())
        });
}
