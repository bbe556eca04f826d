//! Arrays and maps as text, which Rhai would write to the end whatever it costs.

use std::fmt::Write;
use std::rc::Rc;

use rhai::{Array, Dynamic, Engine, FuncRegistration, Map, NativeCallContext};

use super::{Budget, Fallible, over, too_large};
use crate::plugin::json::text_of;

/// What Rhai calls when a value is shown: `print`, `"" + value` and `` `${value}` `` among them.
const NAMES: [&str; 4] = ["to_string", "to_debug", "print", "debug"];
/// Values between two looks at the budget.
const VALUES_BETWEEN_LOOKS: usize = 64;

pub(super) fn register(engine: &mut Engine, budget: &Rc<Budget>) {
    for name in NAMES {
        let account = Rc::clone(budget);
        FuncRegistration::new(name)
            .with_purity(true)
            .register_into_engine(engine, move |ctx: NativeCallContext, array: &mut Array| {
                Shown::of(&ctx, &account, |shown| shown.array(array))
            });
        let account = Rc::clone(budget);
        FuncRegistration::new(name)
            .with_purity(true)
            .register_into_engine(engine, move |ctx: NativeCallContext, map: &mut Map| {
                Shown::of(&ctx, &account, |shown| shown.map(map))
            });
    }
}

struct Shown<'a, 'c> {
    ctx: &'a NativeCallContext<'c>,
    budget: &'a Budget,
    out: String,
    values: usize,
}

impl<'a, 'c> Shown<'a, 'c> {
    fn of(
        ctx: &'a NativeCallContext<'c>,
        budget: &'a Budget,
        write: impl FnOnce(&mut Self) -> Fallible<()>,
    ) -> Fallible<String> {
        let mut shown = Self {
            ctx,
            budget,
            out: String::new(),
            values: 0,
        };
        write(&mut shown)?;
        Ok(shown.out)
    }

    fn array(&mut self, array: &mut Array) -> Fallible<()> {
        self.out.push('[');
        for (place, value) in array.iter_mut().enumerate() {
            if place > 0 {
                self.out.push_str(", ");
            }
            self.value(value)?;
        }
        self.out.push(']');
        Ok(())
    }

    fn map(&mut self, map: &mut Map) -> Fallible<()> {
        self.out.push_str("#{");
        for (place, (name, value)) in map.iter_mut().enumerate() {
            if place > 0 {
                self.out.push_str(", ");
            }
            // Writing to a String does not fail.
            let _ = write!(self.out, "{name:?}: ");
            self.value(value)?;
        }
        self.out.push('}');
        Ok(())
    }

    fn value(&mut self, value: &mut Dynamic) -> Fallible<()> {
        self.values += 1;
        if self.values.is_multiple_of(VALUES_BETWEEN_LOOKS) {
            self.budget.check().or_else(over)?;
        }
        if self.out.len() > self.budget.limits().string_bytes {
            return too_large("Length of string");
        }
        if let Ok(mut array) = value.as_array_mut() {
            return self.array(&mut array);
        }
        if let Ok(mut map) = value.as_map_mut() {
            return self.map(&mut map);
        }
        if let Ok(number) = value.as_int() {
            let _ = write!(self.out, "{number}");
            return Ok(());
        }
        let shown = self.ctx.call_native_fn_raw("to_debug", true, &mut [value]);
        match shown.ok().as_ref().and_then(text_of) {
            Some(text) => self.out.push_str(&text),
            None => {
                let _ = write!(self.out, "{value:?}");
            }
        }
        Ok(())
    }
}
