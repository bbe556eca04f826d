//! What a pattern of a schema costs: how large it is when compiled, and what it takes at most for
//! each byte of a text. It knows nothing of where patterns are in a schema.

use regex_automata::dfa::StartKind;
use regex_automata::dfa::dense;
use regex_automata::nfa::thompson;

/// Bytes that one compiled pattern may take.
pub(super) const MAX_PATTERN_BYTES: usize = 256 * 1024;

/// Bytes that each pattern takes however simple it is: the caches of its engines.
const LEAST_BYTES: usize = 4 * 1024;

/// Patterns up to this size are tried as automata without choices, which is what makes them fast.
const MAX_TRIED_BYTES: usize = 48 * 1024;
/// Bytes that such an automaton may take; the engine keeps its states within as many.
pub(super) const MAX_AUTOMATON_BYTES: usize = 128 * 1024;

/// Steps for each byte of a text where one state is enough to know how the match goes on.
const FAST: u64 = 2;
/// Steps for each byte and each state of the pattern where it is not: all states may be open at
/// once.
const SLOW: u64 = 4;

/// What one pattern costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PatternCost {
    /// Bytes of memory, compiled.
    pub(super) bytes: usize,
    /// Steps for each byte of a text, at most.
    pub(super) per_byte: u64,
}

/// Measures a pattern; none: it is no pattern, or is larger than [`MAX_PATTERN_BYTES`], which
/// compiling it reports as well.
pub(super) fn measure(pattern: &str) -> Option<PatternCost> {
    let translated = jsonschema_regex::to_rust_regex(pattern).ok()?;
    let config = thompson::Config::new().nfa_size_limit(Some(MAX_PATTERN_BYTES));
    let nfa = thompson::Compiler::new()
        .configure(config)
        .build(&translated)
        .ok()?;
    let bytes = nfa.memory_usage();
    let per_byte = if bytes <= MAX_TRIED_BYTES && has_small_automaton(&nfa) {
        FAST
    } else {
        SLOW.saturating_mul(u64::try_from(nfa.states().len()).unwrap_or(u64::MAX))
    };
    Some(PatternCost {
        bytes: bytes.saturating_add(LEAST_BYTES),
        per_byte,
    })
}

/// Whether all states that matching may come to fit into the engine's memory, so that it never
/// falls back to trying each state of the pattern at each byte.
fn has_small_automaton(nfa: &thompson::NFA) -> bool {
    let config = dense::Config::new()
        .start_kind(StartKind::Unanchored)
        .dfa_size_limit(Some(MAX_AUTOMATON_BYTES))
        .determinize_size_limit(Some(2 * MAX_AUTOMATON_BYTES));
    dense::Builder::new()
        .configure(config)
        .build_from_nfa(nfa)
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_patterns_are_fast_and_small() {
        for pattern in [
            r"^\d{4}-\d{2}-\d{2}$",
            "^[a-z0-9-]{1,63}$",
            "^(a+)+$",
            "^[A-Z]{3}$",
            r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$",
        ] {
            let cost = measure(pattern).unwrap();
            assert_eq!(cost.per_byte, FAST, "{pattern}");
            assert!(cost.bytes < 16 * 1024, "{pattern}: {cost:?}");
        }
    }

    #[test]
    fn a_pattern_whose_states_multiply_costs_all_of_them_at_each_byte() {
        let cost = measure("(a|b)*a(a|b){20}$").unwrap();
        assert!(cost.per_byte > 80, "{cost:?}");
    }

    #[test]
    fn what_is_no_pattern_or_too_large_is_not_measured() {
        for pattern in ["(", "(?=a)b", r"(a)\1", "a{1000}{1000}"] {
            assert_eq!(measure(pattern), None, "{pattern}");
        }
    }
}
