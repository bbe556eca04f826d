//! Compiles scripts and calls their functions, on the large stack, inside the budget, with
//! panics caught. It knows no hook and no event.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use rhai::{CallFnOptions, Dynamic, Engine, EvalAltResult, FuncArgs, Position, Scope};

use super::budget::{Budget, Spent};
use super::engine;
use super::json;
use super::library::Clock;
use super::limits::Limits;
use super::script::{Facts, Script, compile};
use super::source::{Fault, Source};
use super::stack::Stack;
use super::view::FailureKind;

/// What a thread runs scripts with. One for each thread: it is neither `Send` nor `Sync`.
pub struct Runtime {
    engine: Engine,
    reader: Engine,
    stack: Stack,
    pub(super) budget: Rc<Budget>,
    pub(super) clock: Rc<Clock>,
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
        let clock = Rc::new(Clock::default());
        Self {
            engine: engine::build(&budget, &clock),
            reader,
            stack: Stack::new(),
            budget,
            clock,
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
    pub fn compile(&self, source: &Source) -> Result<Script, Fault> {
        let (ast, facts) = self.parse(&source.text)?;
        Ok(Script {
            source: source.clone(),
            ast,
            facts,
        })
    }

    /// Checks a text as [`Runtime::compile`] does.
    ///
    /// # Errors
    /// The same.
    pub fn facts(&self, text: &str) -> Result<Facts, Fault> {
        self.parse(text).map(|(_, facts)| facts)
    }

    fn parse(&self, text: &str) -> Result<(rhai::AST, Facts), Fault> {
        self.on_stack(|| {
            self.budget.start();
            let compiled = catch_unwind(AssertUnwindSafe(|| {
                compile(&self.engine, &self.reader, text)
            }));
            // A constant may have logged: nobody would read it.
            self.budget.take_log();
            compiled.unwrap_or_else(|panic| Err(Fault::whole(words_of(&*panic))))
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
    ) -> Result<Dynamic, (FailureKind, Fault)> {
        let options = CallFnOptions::new().eval_ast(false);
        let called = catch_unwind(AssertUnwindSafe(|| {
            let mut scope = Scope::new();
            self.engine.call_fn_with_options::<Dynamic>(
                options,
                &mut scope,
                &script.ast,
                function,
                arguments,
            )
        }));
        self.budget.next_call();
        match called {
            Ok(Ok(value)) => Ok(value),
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
                let words = words_of(&*panic);
                tracing::error!(script = %script.source.name, function, "a plugin's function panicked: {words}");
                Err((FailureKind::Panic, Fault::whole(words)))
            }
        }
    }

    fn overrun(&self, spent: Spent, place: Position, text: &str) -> Fault {
        let limits = self.limits();
        let message = match spent {
            Spent::Deadline => format!("it ran longer than {} ms", limits.deadline.as_millis()),
            Spent::Operations => format!("it used more than {} operations", limits.operations),
            Spent::Memory => format!(
                "while it ran the process grew by more than {} bytes",
                limits.memory_bytes
            ),
        };
        Fault::at(message, place.line(), place.position(), text)
    }
}

fn kind_of(error: &EvalAltResult, budget: &Budget) -> FailureKind {
    match innermost(error) {
        EvalAltResult::ErrorTerminated(..) => match budget.spent() {
            Some(Spent::Operations) => FailureKind::Operations,
            Some(Spent::Memory) => FailureKind::Memory,
            Some(Spent::Deadline) | None => FailureKind::Deadline,
        },
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

/// An error of the engine in words, at its place.
pub(super) fn fault_of(mut error: Box<EvalAltResult>, text: &str) -> Fault {
    let place = place_of(&error);
    while let EvalAltResult::ErrorInFunctionCall(_, _, inner, _) = *error {
        error = inner;
    }
    error.clear_position();
    let message = match &*error {
        EvalAltResult::ErrorRuntime(thrown, _) => thrown_words(thrown),
        EvalAltResult::ErrorStackOverflow(..) => "its functions call each other too deeply".into(),
        EvalAltResult::ErrorFunctionNotFound(signature, _) if signature.contains("bignumber") => {
            format!(
                "{signature}: a number beyond Rhai's own (whole numbers of 64 bits, others of 15 \
                 digits) can be passed on, compared and made a text, not calculated with"
            )
        }
        other => other.to_string(),
    };
    Fault::at(message, place.line(), place.position(), text)
}

fn thrown_words(thrown: &Dynamic) -> String {
    const MOST: usize = 4_096;
    if let Some(text) = json::text_of(thrown) {
        return super::budget::clip(&text, MOST).to_owned();
    }
    json::write(thrown, MOST).unwrap_or_else(|_| format!("a {} was thrown", json::kind_of(thrown)))
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    let words = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without words");
    format!("Herald itself failed in a function that it binds (a panic: {words})")
}
