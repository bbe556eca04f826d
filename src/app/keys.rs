//! The keys that secrets are sealed with: the key file and the database agree on them before
//! anything else begins.

use std::path::Path;

use crate::config::{Config, KeyFile};
use crate::domain::seal::{KeyRing, SealKey, SealKeyId};
use crate::store::{Database, StoreError, seal};

/// Reads the key file, which is made at the first start on a database, and holds it against what
/// the database knows.
///
/// # Errors
/// When the database is away, the file cannot be used, or it lacks a key of this database.
pub(super) async fn agree(config: &Config, database: &Database) -> Result<KeyFile, StoreError> {
    let file = KeyFile::of(config);
    seal::agree(database, &place_of(&file), file.path(), |first| {
        let read = file.read().map_err(|error| error.to_string())?;
        if read.is_some() || !first {
            return Ok(read);
        }
        let made = file.make(&KeyRing::new(vec![fresh(SealKeyId::FIRST)]));
        made.map(Some).map_err(|error| error.to_string())
    })
    .await?;
    Ok(file)
}

/// A new key.
#[must_use]
pub fn fresh(id: SealKeyId) -> SealKey {
    SealKey::new(id, rand::random())
}

/// Machine and path, for people who look for a key file.
#[must_use]
pub fn place_of(file: &KeyFile) -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    let name = name.as_deref().map_or("this machine", str::trim);
    let path = file.path().canonicalize();
    let path = path.as_deref().unwrap_or_else(|_| file.path());
    let shown: &Path = path;
    format!("{name}:{}", shown.display())
}
