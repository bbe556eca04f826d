//! The Rhai engine with everything taken away that a script must not reach, and every limit set.

use std::cell::RefCell;
use std::rc::Rc;

use rhai::packages::{
    BasicArrayPackage, BasicBlobPackage, BasicMapPackage, BasicMathPackage, BitFieldPackage,
    CorePackage, LogicPackage, MoreStringPackage, Package,
};
use rhai::{Dynamic, Engine, OptimizationLevel};

use super::budget::{Budget, Spent};
use super::library::{self, ScriptClock};
use super::limits::Limits;
use super::script::Constants;

/// Words that are refused when a script is compiled. `eval` would run text that was never
/// checked. `curry` puts values into a function pointer, where no size limit counts them: `f =
/// f.curry(f)` doubles at each step. Closures that capture are away for the same reason (the
/// feature `no_closure`), and because a value that holds itself is never freed.
const REFUSED: [&str; 2] = ["eval", "curry"];

/// The engine that runs scripts. Time comes as a number from Herald, so the package with clocks
/// is left out; there is no `import`, because modules are compiled out.
pub(super) fn build(
    budget: &Rc<Budget>,
    clock: &Rc<ScriptClock>,
    constants: &Rc<RefCell<Rc<Constants>>>,
) -> Engine {
    let mut engine = Engine::new_raw();
    CorePackage::new().register_into_engine(&mut engine);
    BitFieldPackage::new().register_into_engine(&mut engine);
    LogicPackage::new().register_into_engine(&mut engine);
    BasicMathPackage::new().register_into_engine(&mut engine);
    BasicArrayPackage::new().register_into_engine(&mut engine);
    BasicBlobPackage::new().register_into_engine(&mut engine);
    BasicMapPackage::new().register_into_engine(&mut engine);
    MoreStringPackage::new().register_into_engine(&mut engine);
    restrict(&mut engine, budget.limits());
    engine.set_strict_variables(true);
    engine.set_optimization_level(OptimizationLevel::Simple);
    let account = Rc::clone(budget);
    engine.on_progress(move |count| account.at_operation(count).err().map(token));
    let account = Rc::clone(budget);
    engine.on_print(move |line| account.log(line));
    let account = Rc::clone(budget);
    engine.on_debug(move |line, _, _| account.log(line));
    resolve_constants(&mut engine, constants);
    library::register(&mut engine, budget, clock);
    engine
}

#[allow(
    deprecated,
    reason = "Rhai marks it so to say that it may change, not that it will go"
)]
fn resolve_constants(engine: &mut Engine, constants: &Rc<RefCell<Rc<Constants>>>) {
    let constants = Rc::clone(constants);
    engine.on_var(move |name, place, _| {
        // What has a place is a variable of the function.
        if place > 0 {
            return Ok(None);
        }
        Ok(constants.borrow().get(name).cloned())
    });
}

/// An engine without functions, which only finds out what a source is made of.
pub(super) fn reader(limits: &Limits) -> Engine {
    let mut engine = Engine::new_raw();
    restrict(&mut engine, limits);
    engine.set_optimization_level(OptimizationLevel::None);
    engine
}

fn restrict(engine: &mut Engine, limits: &Limits) {
    for word in REFUSED {
        engine.disable_symbol(word);
    }
    engine
        .set_max_call_levels(limits.call_levels)
        .set_max_expr_depths(limits.expression_depth, limits.expression_depth)
        .set_max_string_size(limits.string_bytes)
        .set_max_array_size(limits.array_items)
        .set_max_map_size(limits.map_items)
        .set_max_variables(limits.variables)
        .set_max_functions(limits.functions);
}

/// What ends a run inside the engine; no `catch` sees it. The reason itself stays in the budget.
pub(super) fn token(why: Spent) -> Dynamic {
    Dynamic::from_int(why as i64)
}
