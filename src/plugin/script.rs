//! A source that was checked and compiled: which hooks it has, and nothing outside functions
//! that would run. It does not run hooks.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use rhai::{AST, Dynamic, Engine, Expr, FnAccess, ParseError, Position, Scope, Stmt};

use super::json;
use super::limits::{Limits, MAX_SOURCE_BYTES};
use super::runtime::Runtime;
use super::source::{Source, SourceFault};

/// What a constant may hold, as JSON; and all its copies together, for the compiler puts one
/// wherever the name is used.
const MAX_CONSTANT: usize = 64 << 10;
const MAX_CONSTANT_COPIES: usize = 4 << 20;

/// A function that Herald calls if a script defines it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hook {
    /// `filter(event) → bool`
    Filter,
    /// `transform(event) → map, array or text`
    Transform,
    /// `headers(event) → map`
    Headers,
    /// `mail(event) → map`
    Mail,
}

impl Hook {
    /// All of them, in the order in which they are called.
    pub const ALL: [Self; 4] = [Self::Filter, Self::Transform, Self::Headers, Self::Mail];

    /// The function's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Transform => "transform",
            Self::Headers => "headers",
            Self::Mail => "mail",
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a script defines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// In the order in which they are called.
    pub hooks: Vec<Hook>,
    /// Its `test_…` functions, by name.
    pub tests: Vec<String>,
}

/// A compiled script. It belongs to its thread.
pub struct Script {
    pub(super) source: Source,
    pub(super) compiled: Compiled,
}

/// What became of a text.
pub(super) struct Compiled {
    pub(super) ast: AST,
    pub(super) constants: Rc<Constants>,
    pub(super) facts: Facts,
}

/// A script's constants by name. The compiler puts their values where it can; where it cannot
/// (`NAMES.len()`), the engine asks here.
pub(super) type Constants = BTreeMap<String, Dynamic>;

impl Script {
    /// The text that it was made of.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// What it defines.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.compiled.facts
    }

    /// Whether it defines that hook.
    #[must_use]
    pub fn has(&self, hook: Hook) -> bool {
        self.compiled.facts.hooks.contains(&hook)
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script")
            .field("name", &self.source.name)
            .field("hash", &self.source.hash)
            .field("facts", self.facts())
            .finish_non_exhaustive()
    }
}

/// Checks a text without keeping it.
///
/// # Errors
/// The first thing that is wrong with it, with its place.
pub fn check(text: &str, limits: &Limits) -> Result<Facts, SourceFault> {
    Runtime::new(limits.clone()).facts(text)
}

/// Compiles a text. `reader` finds out what it is made of, `engine` evaluates its constants (under
/// a budget that the caller has opened) and compiles it to be run.
pub(super) fn compile(
    engine: &Engine,
    reader: &Engine,
    text: &str,
) -> Result<Compiled, SourceFault> {
    if text.len() > MAX_SOURCE_BYTES {
        return Err(SourceFault::whole(format!(
            "it has {} bytes: a script may have {MAX_SOURCE_BYTES}",
            text.len()
        )));
    }
    let refused = |error: ParseError| of_parse_error(&error, text);
    let read = reader.compile(text).map_err(refused)?;
    let mut scope = Scope::new();
    if let Some(place) = read.statements().iter().find_map(misplaced) {
        let message = "only functions (`fn`) and constants (`const`) may be outside functions: \
                       nothing else would ever run";
        return Err(at(message, place, text));
    }
    if !read.statements().is_empty() {
        let constants = read.clone_statements_only();
        engine
            .run_ast_with_scope(&mut scope, &constants)
            .map_err(|error| super::runtime::fault_of(error, text))?;
        judge_constants(&scope, text)?;
    }
    let mut ast = engine.compile_with_scope(&scope, text).map_err(refused)?;
    ast.clear_statements();
    let facts = facts_of(&ast, text)?;
    let values = scope
        .iter()
        .map(|(name, _, value)| (name.to_owned(), value));
    Ok(Compiled {
        constants: Rc::new(values.collect()),
        ast,
        facts,
    })
}

/// Where a statement is that is neither a constant nor nothing.
fn misplaced(statement: &Stmt) -> Option<Position> {
    match statement {
        Stmt::Noop(..) => None,
        Stmt::Var(_, flags, _) if flags.contains(rhai::ASTFlags::CONSTANT) => None,
        Stmt::Expr(expression) if matches!(**expression, Expr::Unit(..)) => None,
        other => Some(other.position()),
    }
}

fn judge_constants(scope: &Scope, text: &str) -> Result<(), SourceFault> {
    let mut copies = 0_usize;
    for (name, _, value) in scope.iter_raw() {
        let place = line_of(text, "const", name, |_| true);
        let wrong =
            |detail: String| SourceFault::at(format!("const {name}: {detail}"), place, None, text);
        let json = json::write(value, MAX_CONSTANT).map_err(|error| wrong(error.to_string()))?;
        let uses = text.matches(name).count();
        copies = copies.saturating_add(json.len().saturating_mul(uses));
        if copies > MAX_CONSTANT_COPIES {
            return Err(wrong(format!(
                "its copies would take more than {MAX_CONSTANT_COPIES} bytes, because it is long \
                 and is used in the script {uses} times"
            )));
        }
    }
    Ok(())
}

fn facts_of(ast: &AST, text: &str) -> Result<Facts, SourceFault> {
    let mut facts = Facts::default();
    for function in ast.iter_functions().filter(|f| f.this_type.is_none()) {
        let name = function.name;
        let wrong = |detail: &str| {
            // Of several with this name, the one with as many parameters.
            let commas = function.params.len().saturating_sub(1);
            let place = line_of(text, "fn", name, |rest| rest.matches(',').count() == commas)
                .or_else(|| line_of(text, "fn", name, |_| true));
            SourceFault::at(format!("{name} {detail}"), place, None, text)
        };
        let hook = Hook::ALL.into_iter().find(|hook| hook.as_str() == name);
        if (hook.is_some() || name.starts_with("test_")) && function.access == FnAccess::Private {
            return Err(wrong("is private, so that Herald cannot call it"));
        }
        if let Some(hook) = hook {
            if function.params.len() != 1 {
                return Err(wrong("should have one parameter, the event"));
            }
            facts.hooks.push(hook);
        } else if name.starts_with("test_") {
            if !function.params.is_empty() {
                return Err(wrong("is a test and should have no parameters"));
            }
            facts.tests.push(name.to_owned());
        }
    }
    facts.hooks.sort_by_key(|hook| *hook as u8);
    facts.tests.sort();
    if facts.hooks.is_empty() {
        return Err(SourceFault::whole(
            "it defines none of filter(event), transform(event), headers(event), mail(event)",
        ));
    }
    Ok(facts)
}

/// The line, from 1, that begins the definition of `name` with parameters that fit.
fn line_of(text: &str, keyword: &str, name: &str, fits: impl Fn(&str) -> bool) -> Option<usize> {
    let defines = |line: &str| {
        let line = line.trim_start();
        let line = line.strip_prefix("private ").unwrap_or(line).trim_start();
        let rest = line
            .strip_prefix(keyword)?
            .trim_start()
            .strip_prefix(name)?;
        let whole = !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        let parameters = rest.split(')').next().unwrap_or_default();
        (whole && fits(parameters)).then_some(())
    };
    let at = text.lines().position(|line| defines(line).is_some())?;
    Some(at + 1)
}

fn of_parse_error(error: &ParseError, text: &str) -> SourceFault {
    at(&error.err_type().to_string(), error.position(), text)
}

fn at(message: &str, place: Position, text: &str) -> SourceFault {
    SourceFault::at(message, place.line(), place.position(), text)
}
