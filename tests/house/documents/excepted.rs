//! What looks like a path or a name of Herald's in a document and is none. A file of its own: the
//! rules look for names in the other files of the tests, so none is found here by its exception.

/// What a document says, and why it is no name of Herald's.
pub(super) const EXCEPTED: &[(&str, &str)] = &[
    (
        "NOTIFY",
        "a statement of PostgreSQL that Herald does without",
    ),
    ("Tick", "the end of the names of timers"),
    (
        "postgresql_embedded",
        "a library that Herald does without, named with the reason",
    ),
];
