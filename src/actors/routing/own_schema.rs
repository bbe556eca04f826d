//! The schemas of accounts, compiled: each version once, kept while there is room. It knows neither
//! events nor threads.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::catalogue::Validator;

/// Bytes that all compiled schemas of accounts may take together. When there are more, those that
/// were not used for longest are dropped, and compiled again when they are needed.
const MAX_BYTES: u64 = 64 << 20;

/// One version of an own event type's schema. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct OwnSchema {
    text: Arc<str>,
    number: u64,
}

impl OwnSchema {
    /// A schema as it is stored.
    pub(crate) fn new(text: String) -> Self {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        Self {
            text: text.into(),
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
        }
    }

    fn compile(&self) -> CompiledSchema {
        let schema = serde_json::from_str(&self.text);
        let schema = schema.map_err(|error| format!("its schema is not JSON: {error}"))?;
        let validator = Validator::compile_stored(&schema).map_err(|error| {
            tracing::warn!(%error, "a stored schema cannot be used");
            format!("{error}; change the schema of the event type, or take it away")
        })?;
        Ok(Arc::new(validator))
    }
}

/// A schema, or why it cannot be used.
pub(crate) type CompiledSchema = Result<Arc<Validator>, String>;

/// What is kept of one.
struct Kept {
    made: Arc<OnceLock<CompiledSchema>>,
    bytes: u64,
    used: u64,
}

#[derive(Default)]
pub(crate) struct CompiledSchemas(Mutex<SchemaCache>);

#[derive(Default)]
struct SchemaCache {
    kept: HashMap<u64, Kept>,
    bytes: u64,
    /// Counts uses.
    clock: u64,
}

impl CompiledSchemas {
    /// The schema, compiled now if it is not kept. Whoever asks for the same meanwhile waits.
    pub(crate) fn get(&self, schema: &OwnSchema) -> CompiledSchema {
        let slot = self.slot(schema.number);
        if let Some(made) = slot.get() {
            return made.clone();
        }
        let made = slot.get_or_init(|| schema.compile()).clone();
        let bytes = match &made {
            Ok(validator) => validator.bytes(),
            Err(reason) => u64::try_from(reason.len()).unwrap_or(u64::MAX),
        };
        self.weigh(schema.number, bytes);
        made
    }

    fn slot(&self, number: u64) -> Arc<OnceLock<CompiledSchema>> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.clock += 1;
        let used = state.clock;
        let kept = state.kept.entry(number).or_insert_with(|| Kept {
            made: Arc::default(),
            bytes: 0,
            used,
        });
        kept.used = used;
        Arc::clone(&kept.made)
    }

    fn weigh(&self, number: u64, bytes: u64) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(kept) = state.kept.get_mut(&number) else {
            return;
        };
        let before = std::mem::replace(&mut kept.bytes, bytes);
        state.bytes = state.bytes.saturating_sub(before).saturating_add(bytes);
        while state.bytes > MAX_BYTES {
            let others = state.kept.iter().filter(|(other, _)| **other != number);
            let Some(oldest) = others.min_by_key(|(_, kept)| kept.used).map(|(it, _)| *it) else {
                return;
            };
            let dropped = state.kept.remove(&oldest).map_or(0, |kept| kept.bytes);
            state.bytes = state.bytes.saturating_sub(dropped);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(text: &str) -> OwnSchema {
        OwnSchema::new(text.to_owned())
    }

    #[test]
    fn a_version_is_compiled_once_and_another_one_anew() {
        let schemas = CompiledSchemas::default();
        let first = schema(r#"{"type":"object"}"#);
        let made = schemas.get(&first).unwrap();
        assert!(Arc::ptr_eq(&made, &schemas.get(&first.clone()).unwrap()));
        let second = schema(r#"{"type":"object"}"#);
        assert!(!Arc::ptr_eq(&made, &schemas.get(&second).unwrap()));
    }

    #[test]
    fn one_that_cannot_be_used_says_why() {
        let reason = CompiledSchemas::default()
            .get(&schema(r#"{"type":"no"}"#))
            .unwrap_err();
        assert!(
            reason.contains("the schema is wrong at `/type`"),
            "{reason}"
        );
    }

    #[test]
    fn those_that_were_not_used_for_longest_make_room() {
        let schemas = CompiledSchemas::default();
        let (old, used, new) = (schema("true"), schema("true"), schema("true"));
        let kept = [&old, &used].map(|schema| schemas.get(schema).unwrap());
        schemas.weigh(old.number, MAX_BYTES / 2);
        schemas.weigh(used.number, MAX_BYTES / 2);
        let _ = schemas.get(&used);
        let _ = schemas.get(&new);
        assert!(Arc::ptr_eq(&kept[1], &schemas.get(&used).unwrap()));
        assert!(!Arc::ptr_eq(&kept[0], &schemas.get(&old).unwrap()));
    }
}
