//! A script's own tests: its functions named `test_…`.

use super::limits::Limits;
use super::runtime::Runtime;
use super::source::{Source, SourceFault};

/// How one `test_…` function ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestResult {
    /// The function's name.
    pub name: String,
    /// What it threw, or which limit it met.
    pub result: Result<(), SourceFault>,
    /// What it logged.
    pub log: Vec<String>,
}

/// Compiles a script and runs its tests, each with a budget of its own, in the order of their
/// names. A test fails by an error: `throw`, `assert(…)`, `assert_eq(…)`.
///
/// # Errors
/// The script does not compile.
pub fn run_tests(source: &Source, limits: &Limits) -> Result<Vec<TestResult>, SourceFault> {
    let runtime = Runtime::new(limits.clone());
    let script = runtime.compile(source)?;
    let run = |name: &String| {
        runtime.budget.start();
        let ended = runtime.on_stack(|| runtime.call(&script, name, ()).map(drop));
        TestResult {
            name: name.clone(),
            result: ended.map_err(|(_, fault)| fault),
            log: runtime.budget.take_log(),
        }
    };
    Ok(script.facts().tests.iter().map(run).collect())
}
