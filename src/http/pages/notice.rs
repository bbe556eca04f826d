//! What a page says after something was done: the address carries a key, and only the sentences
//! of this table are ever shown.

/// The sentence of a key.
pub(super) fn of(key: &str) -> Option<&'static str> {
    let found = SENTENCES.iter().find(|(known, _)| *known == key);
    found.map(|(_, sentence)| *sentence)
}

/// The sentences, by place.
const SENTENCES: &[(&str, &str)] = &[("saved", "Saved.")];
