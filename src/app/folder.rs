//! The data folder: its lock, which says that one Herald works on it, and its identity, by
//! which that Herald knows the lanes of its earlier runs.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, bail};
use uuid::Uuid;

const LOCK: &str = "lock";
const IDENTITY: &str = "folder-id";

/// A data folder that is locked as long as this lives.
#[derive(Debug)]
pub struct DataFolder {
    id: Uuid,
    _lock: File,
}

impl DataFolder {
    /// Makes the folder if it is missing, and locks it.
    ///
    /// # Errors
    /// When it cannot be made, written or locked.
    pub fn lock(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        // PostgreSQL refuses root: its account has to pass through, to a folder of its own.
        let passable = rustix::process::geteuid().is_root();
        DirBuilder::new()
            .recursive(true)
            .mode(if passable { 0o711 } else { 0o700 })
            .create(path)
            .with_context(|| format!("cannot make the data folder {shown}"))?;
        let lock_path = path.join(LOCK);
        let unfit = || format!("cannot write to the data folder {shown}");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&lock_path)
            .with_context(unfit)?;
        // An earlier version made it for everybody to read.
        lock.set_permissions(Permissions::from_mode(0o600))
            .with_context(unfit)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => bail!(
                "another Herald works on the data folder {shown}: stop it, or set \
                 HERALD_DATA_DIR to another folder"
            ),
            Err(fs::TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", lock_path.display()));
            }
        }
        Ok(Self {
            id: identity(&path.join(IDENTITY))?,
            _lock: lock,
        })
    }

    /// The folder's identity, made at its first use.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        self.id
    }
}

fn identity(path: &Path) -> anyhow::Result<Uuid> {
    let shown = path.display();
    match fs::read_to_string(path) {
        Ok(text) => text.trim().parse().with_context(|| {
            format!("{shown} is damaged: remove it once no other Herald uses its database")
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let id = Uuid::new_v4();
            fs::write(path, format!("{id}\n")).with_context(|| format!("cannot write {shown}"))?;
            Ok(id)
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {shown}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn nobody_else_reads_the_folder_or_its_lock() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("data");
        drop(DataFolder::lock(&folder).unwrap());
        // Root's PostgreSQL has to pass through.
        assert!(matches!(mode(&folder), 0o700 | 0o711));
        let lock = folder.join(LOCK);
        assert_eq!(mode(&lock), 0o600);
        fs::set_permissions(&lock, Permissions::from_mode(0o644)).unwrap();
        drop(DataFolder::lock(&folder).unwrap());
        assert_eq!(mode(&lock), 0o600);
    }
}
