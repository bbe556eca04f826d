//! Compiles scripts and calls their functions, on the large stack, inside the budget, with
//! panics caught. It knows no hook and no event.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use rhai::{CallFnOptions, Dynamic, Engine, EvalAltResult, FuncArgs, Position, Scope};

use super::budget::{Budget, Spent};
use super::engine;
use super::json;
use super::library::ScriptClock;
use super::limits::Limits;
use super::script::{Compiled, Constants, Facts, Script, compile};
use super::source::{Source, SourceFault};
use super::stack::Stack;
use super::view::FailureKind;

/// What a thread runs scripts with. One for each thread: it is neither `Send` nor `Sync`.
pub struct Runtime {
    engine: Engine,
    reader: Engine,
    stack: Stack,
    pub(super) budget: Rc<Budget>,
    pub(super) clock: Rc<ScriptClock>,
    /// Those of the script at work.
    constants: Rc<RefCell<Rc<Constants>>>,
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("limits", self.budget.limits())
            .finish_non_exhaustive()
    }
}

impl Runtime {
    /// A runtime with those limits. It reserves address space for a stack of its own.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let reader = engine::reader(&limits);
        let budget = Rc::new(Budget::new(limits));
        let clock = Rc::new(ScriptClock::default());
        let constants = Rc::default();
        Self {
            engine: engine::build(&budget, &clock, &constants),
            reader,
            stack: Stack::new(),
            budget,
            clock,
            constants,
        }
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        self.budget.limits()
    }

    /// Checks and compiles a source.
    ///
    /// # Errors
    /// The first thing that is wrong with it, with its place.
    pub fn compile(&self, source: &Source) -> Result<Script, SourceFault> {
        Ok(Script {
            source: source.clone(),
            compiled: self.parse(&source.text)?,
        })
    }

    /// Checks a text as [`Runtime::compile`] does.
    ///
    /// # Errors
    /// The same.
    pub fn facts(&self, text: &str) -> Result<Facts, SourceFault> {
        self.parse(text).map(|compiled| compiled.facts)
    }

    /// A function that only tests have.
    #[cfg(test)]
    pub(super) fn bind_for_test(&mut self, name: &str, function: impl Fn() -> bool + 'static) {
        self.engine.register_fn(name, function);
    }

    fn parse(&self, text: &str) -> Result<Compiled, SourceFault> {
        self.on_stack(|| {
            self.budget.start();
            self.constants.take();
            let compiled = catch_unwind(AssertUnwindSafe(|| {
                compile(&self.engine, &self.reader, text)
            }));
            // A constant may have logged: nobody would read it.
            self.budget.take_log();
            let compiled =
                compiled.unwrap_or_else(|panic| Err(SourceFault::whole(panic_text(&*panic))));
            match self.budget.spent() {
                // A constant that runs on: the engine says no more than that it was ended.
                Some(spent) => compiled.map_err(|fault| SourceFault {
                    message: self.overrun_text(spent),
                    ..fault
                }),
                None => compiled,
            }
        })
    }

    /// Everything that makes, walks or frees a script's values happens inside this.
    pub(super) fn on_stack<R>(&self, job: impl FnOnce() -> R) -> R {
        self.stack.run(job)
    }

    /// Calls a function of a script. The caller opened the budget.
    pub(super) fn call(
        &self,
        script: &Script,
        function: &str,
        arguments: impl FuncArgs,
    ) -> Result<Dynamic, (FailureKind, SourceFault)> {
        self.constants
            .replace(Rc::clone(&script.compiled.constants));
        let options = CallFnOptions::new().eval_ast(false);
        let called = catch_unwind(AssertUnwindSafe(|| {
            let mut scope = Scope::new();
            self.engine.call_fn_with_options::<Dynamic>(
                options,
                &mut scope,
                &script.compiled.ast,
                function,
                arguments,
            )
        }));
        // The last operation may have been a long one.
        let late = self.budget.check().err();
        self.budget.next_call();
        match called {
            Ok(Ok(value)) => match late {
                None => Ok(value),
                Some(spent) => Err((
                    spent.into(),
                    self.overrun(spent, Position::NONE, &script.source.text),
                )),
            },
            Ok(Err(error)) => {
                let kind = kind_of(&error, &self.budget);
                let fault = match self.budget.spent() {
                    Some(spent)
                        if matches!(innermost(&error), EvalAltResult::ErrorTerminated(..)) =>
                    {
                        self.overrun(spent, place_of(&error), &script.source.text)
                    }
                    _ => fault_of(error, &script.source.text),
                };
                Err((kind, fault))
            }
            Err(panic) => {
                let message = panic_text(&*panic);
                tracing::error!(
                    plugin = %script.source.name, function, error = message,
                    "a plugin's function panicked"
                );
                Err((FailureKind::Panic, SourceFault::whole(message)))
            }
        }
    }

    fn overrun(&self, spent: Spent, place: Position, text: &str) -> SourceFault {
        let message = self.overrun_text(spent);
        SourceFault::at(message, place.line(), place.position(), text)
    }

    fn overrun_text(&self, spent: Spent) -> String {
        let limits = self.limits();
        match spent {
            Spent::Deadline => format!(
                "it used more than {} ms of processor time",
                limits.deadline.as_millis()
            ),
            Spent::Wall => format!(
                "it did not end within {} ms",
                self.budget.wall().as_millis()
            ),
            Spent::Operations => format!("it used more than {} operations", limits.operations),
            Spent::Memory => format!(
                "while it ran the process grew by more than {} bytes",
                limits.memory_bytes
            ),
        }
    }
}

impl From<Spent> for FailureKind {
    fn from(spent: Spent) -> Self {
        match spent {
            Spent::Deadline => Self::Deadline,
            Spent::Wall => Self::Wall,
            Spent::Operations => Self::Operations,
            Spent::Memory => Self::Memory,
        }
    }
}

fn kind_of(error: &EvalAltResult, budget: &Budget) -> FailureKind {
    match innermost(error) {
        EvalAltResult::ErrorTerminated(..) => budget
            .spent()
            .map_or(FailureKind::Deadline, FailureKind::from),
        EvalAltResult::ErrorTooManyOperations(..) => FailureKind::Operations,
        EvalAltResult::ErrorDataTooLarge(..) | EvalAltResult::ErrorTooManyVariables(..) => {
            FailureKind::Memory
        }
        _ => FailureKind::Error,
    }
}

fn innermost(mut error: &EvalAltResult) -> &EvalAltResult {
    while let EvalAltResult::ErrorInFunctionCall(_, _, inner, _) = error {
        error = inner;
    }
    error
}

/// The innermost place that is known.
fn place_of(error: &EvalAltResult) -> Position {
    let mut place = error.position();
    let mut error = error;
    while let EvalAltResult::ErrorInFunctionCall(_, _, inner, _) = error {
        error = inner;
        if !error.position().is_none() {
            place = error.position();
        }
    }
    place
}

/// An error of the engine as text, at its place.
pub(super) fn fault_of(mut error: Box<EvalAltResult>, text: &str) -> SourceFault {
    let place = place_of(&error);
    while let EvalAltResult::ErrorInFunctionCall(_, _, inner, _) = *error {
        error = inner;
    }
    error.clear_position();
    let message = match &*error {
        EvalAltResult::ErrorRuntime(thrown, _) => thrown_text(thrown),
        EvalAltResult::ErrorStackOverflow(..) => "its functions call each other too deeply".into(),
        EvalAltResult::ErrorFunctionNotFound(signature, _) if signature.contains("bignumber") => {
            format!(
                "{signature}: a number beyond Rhai's own (whole numbers of 64 bits, others of 15 \
                 digits) can be passed on, compared and made a text, not calculated with"
            )
        }
        other => other.to_string(),
    };
    SourceFault::at(message, place.line(), place.position(), text)
}

fn thrown_text(thrown: &Dynamic) -> String {
    const MOST: usize = 4_096;
    if let Some(text) = json::text_of(thrown) {
        return super::budget::clip(&text, MOST).to_owned();
    }
    json::write(thrown, MOST).unwrap_or_else(|_| format!("a {} was thrown", json::kind_of(thrown)))
}

pub(super) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a message");
    format!("Herald itself failed in a function that it binds (a panic: {message})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::view::{ScriptEvent, ScriptSubscription, ScriptVerdict};

    fn event() -> ScriptEvent<'static> {
        ScriptEvent {
            id: "evt_1",
            event_type: "X",
            received_at: chrono::DateTime::UNIX_EPOCH,
            attempt: 1,
            payload: b"{}",
            subscription: ScriptSubscription {
                id: "sub_1",
                title: "",
                target: "https://example.com",
            },
            now: chrono::DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_stop_of_the_machine_is_no_processor_time_of_the_script_at_work() {
        let (_never, waits) = std::sync::mpsc::channel::<()>();
        let mut runtime = Runtime::new(Limits {
            deadline: std::time::Duration::from_millis(20),
            ..Limits::default()
        });
        let stop = std::time::Duration::from_millis(480);
        runtime.bind_for_test("stop", move || waits.recv_timeout(stop).is_err());
        let source = Source::new(
            "named/x.rhai".parse().unwrap(),
            "fn filter(event) { stop() }",
        );
        let script = runtime.compile(&source).unwrap();
        let run = crate::plugin::run_chain(&runtime, &[&script], &event());
        assert_eq!(run.verdict.unwrap_err().kind, FailureKind::Wall);
        let part = &run.scripts[0];
        assert!(part.elapsed >= stop, "{part:?}");
        assert!(part.cpu < stop / 4, "{part:?}");
    }

    #[test]
    fn a_panic_in_a_bound_function_is_a_failure_and_the_next_script_runs() {
        let mut runtime = Runtime::new(Limits::default());
        runtime.bind_for_test("boom", || panic!("bang"));
        let compile = |text: &str| {
            let source = Source::new("named/x.rhai".parse().unwrap(), text);
            runtime.compile(&source).unwrap()
        };
        let boom = compile("fn filter(event) { try { boom() } catch { } true }");
        let well = compile("fn filter(event) { true }");
        let event = event();
        for _ in 0..3 {
            let run = crate::plugin::run_chain(&runtime, &[&boom], &event);
            println!(
                "hostile a panic in a bound function: aborted after {:.1} ms",
                run.elapsed.as_secs_f64() * 1e3
            );
            let failure = run.verdict.unwrap_err();
            assert_eq!(failure.kind, FailureKind::Panic);
            assert!(failure.fault.message.contains("bang"));
            let run = crate::plugin::run_chain(&runtime, &[&well], &event);
            assert!(matches!(run.verdict, Ok(ScriptVerdict::Deliver(_))));
        }
    }
}
