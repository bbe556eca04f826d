//! The key file: who may read it, and whether it has the keys of this database.

use super::finding::DoctorFinding;
use crate::config::{Config, KeyFile};
use crate::domain::seal::KeyRing;
use crate::store::seal::{KnownSealKey, lacking};

/// Judges the file by the keys that the database knows of; none: it was not asked.
pub(super) fn examine(config: &Config, known: Option<&[KnownSealKey]>) -> Vec<DoctorFinding> {
    const CHECK: &str = "key file";
    let file = KeyFile::of(config);
    let shown = file.path().display();
    let finding = match file.read() {
        Err(error) => DoctorFinding::failed(
            CHECK,
            error.to_string(),
            "Herald does not start until this is fixed",
        ),
        Ok(read) => {
            let there = read.is_some();
            let ring = read.unwrap_or_else(|| KeyRing::new(Vec::new()));
            match (known.and_then(|known| lacking(&ring, known)), there) {
                (Some(key), _) => DoctorFinding::failed(
                    CHECK,
                    key.missing_from(file.path()),
                    "put the copy of the key file back that belongs to this database",
                ),
                (None, false) => {
                    DoctorFinding::ok(CHECK, format!("{shown} is made at the first start"))
                }
                (None, true) if known.is_some() => DoctorFinding::ok(
                    CHECK,
                    format!("{shown} has the keys of this database; keep a copy of it elsewhere"),
                ),
                (None, true) => DoctorFinding::ok(CHECK, format!("{shown} can be read")),
            }
        }
    };
    vec![finding]
}
