//! What a script may use up. The numbers come from the settings; what enforces them is in
//! `engine` (sizes, depths), `budget` (time, operations, memory) and `chain` (output).

use std::time::Duration;

use crate::config::Config;

/// The most bytes that a script's file may have.
pub const MAX_SOURCE_BYTES: usize = 64 << 10;

/// The bounds of one script's run for one attempt: all its hooks together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Operations as Rhai counts them, about one for each expression.
    pub operations: u64,
    /// Processor time from the start of the script's first hook; on the wall it may be 20 times as
    /// long.
    pub deadline: Duration,
    /// Growth of the whole process while the script runs, in bytes: the net below the sizes.
    pub memory_bytes: u64,
    /// Functions that call each other.
    pub call_levels: usize,
    /// Expressions inside each other, in the source.
    pub expression_depth: usize,
    /// Bytes of all texts in one value.
    pub string_bytes: usize,
    /// Entries of all arrays (and bytes of blobs) in one value.
    pub array_items: usize,
    /// Entries of all maps in one value.
    pub map_items: usize,
    /// Variables of one function at one time.
    pub variables: usize,
    /// Functions that one script may define.
    pub functions: usize,
    /// Bytes of the body that a script makes.
    pub output_bytes: usize,
    /// Lines that a script may log for one attempt; what comes after is dropped and counted.
    pub log_lines: usize,
    /// Bytes of all those lines.
    pub log_bytes: usize,
}

impl Limits {
    /// The limits that the operator set.
    #[must_use]
    pub fn from_config(config: &Config) -> Self {
        Self {
            operations: config.plugins.operations,
            deadline: Duration::from_millis(config.plugins.deadline_ms),
            memory_bytes: config.plugins.memory_bytes,
            call_levels: config.plugins.call_levels,
            expression_depth: config.plugins.expression_depth,
            string_bytes: config.plugins.string_bytes,
            array_items: config.plugins.array_items,
            map_items: config.plugins.map_items,
            variables: config.plugins.variables,
            functions: config.plugins.functions,
            output_bytes: config.plugins.output_bytes,
            log_lines: config.plugins.log_lines,
            log_bytes: config.plugins.log_bytes,
        }
    }
}

impl Default for Limits {
    /// What the settings' own defaults give; `the_defaults_are_those_of_the_settings` proves it.
    fn default() -> Self {
        Self {
            operations: 1_000_000,
            deadline: Duration::from_millis(50),
            memory_bytes: 64 << 20,
            call_levels: 32,
            expression_depth: 64,
            string_bytes: 2 << 20,
            array_items: 600_000,
            map_items: 150_000,
            variables: 256,
            functions: 256,
            output_bytes: 2 << 20,
            log_lines: 100,
            log_bytes: 16 << 10,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_settings() {
        let config = Config::load(None, std::iter::empty()).unwrap();
        assert_eq!(Limits::from_config(&config), Limits::default());
    }
}
