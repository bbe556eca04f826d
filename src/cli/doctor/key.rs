//! The key file: who may read it, and whether it has the keys of this database.

use super::finding::Finding;
use crate::config::{Config, KeyFile};
use crate::domain::seal::KeyRing;
use crate::store::seal::{KnownKey, lacking};

/// Judges the file by the keys that the database knows of; none: it was not asked.
pub(super) fn examine(config: &Config, known: Option<&[KnownKey]>) -> Vec<Finding> {
    const CHECK: &str = "key file";
    let file = KeyFile::of(config);
    let shown = file.path().display();
    let finding = match file.read() {
        Err(error) => Finding::failed(
            CHECK,
            error.to_string(),
            "Herald does not start until this is mended",
        ),
        Ok(read) => {
            let there = read.is_some();
            let ring = read.unwrap_or_else(|| KeyRing::new(Vec::new()));
            match (known.and_then(|known| lacking(&ring, known)), there) {
                (Some(key), _) => Finding::failed(
                    CHECK,
                    key.missing_from(file.path()),
                    "put the copy of the key file back that belongs to this database",
                ),
                (None, false) => Finding::ok(CHECK, format!("{shown} is made at the first start")),
                (None, true) if known.is_some() => Finding::ok(
                    CHECK,
                    format!("{shown} has the keys of this database; keep a copy of it elsewhere"),
                ),
                (None, true) => Finding::ok(CHECK, format!("{shown} can be read")),
            }
        }
    };
    vec![finding]
}
