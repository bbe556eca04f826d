//! The key file: where it is, who may read it, and how it is made and changed without ever being
//! half written. Its content is the business of `domain::seal_file`.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use super::Config;
use crate::domain::seal::KeyRing;
use crate::domain::seal_file::{self, KeyFileFault};

/// The name of the credential.
const CREDENTIAL: &str = "herald.key";
/// The name in the data folder.
const OWN: &str = "key";
/// The most bytes of a key file: 255 keys have fewer.
const MOST: u64 = 65_536;

/// The file with the keys that secrets in the database are sealed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    path: PathBuf,
}

/// Why a key file cannot be used; the text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error(
        "the key file {} cannot be read: {source} (run this as root or as Herald's user)",
        path.display()
    )]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Everybody on the machine could read it.
    #[error(
        "the key file {shown} may be read or written by everybody: run `chmod 600 {shown}`, and if \
         others use this machine, make a new key by `herald rotate-key`",
        shown = path.display()
    )]
    Open {
        /// Which file.
        path: PathBuf,
    },
    /// It is no key file.
    #[error(
        "the key file {} is damaged: {fault}; put its copy back, without its keys the secrets in \
         the database cannot be read",
        path.display()
    )]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        fault: KeyFileFault,
    },
    /// It cannot be made or changed.
    #[error("the key file {} cannot be written: {source}", path.display())]
    Unwritable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl KeyFile {
    /// The file that these settings mean: that of `key_file`, else the credential `herald.key`,
    /// else `key` in the data folder.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let path = config
            .key_file
            .clone()
            .or_else(|| config.credential(CREDENTIAL))
            .unwrap_or_else(|| config.data_dir.join(OWN));
        Self { path }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the keys; none: there is no such file.
    ///
    /// # Errors
    /// When it cannot be read, everybody may read it, or it is no key file.
    pub fn read(&self) -> Result<Option<KeyRing>, KeyFileError> {
        let unreadable = |source| KeyFileError::Unreadable {
            path: self.path.clone(),
            source,
        };
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        // These are the rights of the very file that is read.
        let rights = file.metadata().map_err(unreadable)?.permissions().mode();
        if rights & 0o007 != 0 {
            return Err(KeyFileError::Open {
                path: self.path.clone(),
            });
        }
        let mut text = String::new();
        file.take(MOST)
            .read_to_string(&mut text)
            .map_err(unreadable)?;
        match seal_file::read(&text) {
            Ok(ring) => Ok(Some(ring)),
            Err(fault) => Err(KeyFileError::Content {
                path: self.path.clone(),
                fault,
            }),
        }
    }

    /// Makes the file with these keys for its owner alone, unless somebody else made it
    /// meanwhile. Returns the keys that it then holds.
    ///
    /// # Errors
    /// When it cannot be made, or what is there cannot be read.
    pub fn make(&self, ring: &KeyRing) -> Result<KeyRing, KeyFileError> {
        let unwritable = |source| self.unwritable(source);
        let draft = self.draft(ring).map_err(unwritable)?;
        // A link is refused where a file is there already; a renaming would replace it.
        let linked = fs::hard_link(&draft, &self.path);
        let _ = fs::remove_file(&draft);
        match linked {
            Ok(()) => self.settle().map_err(unwritable)?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(unwritable(error)),
        }
        let gone = || unwritable(ErrorKind::NotFound.into());
        self.read()?.ok_or_else(gone)
    }

    /// Replaces the file's keys at once: whoever reads it sees the old ones or the new ones.
    /// Rights and owner stay. A link is followed.
    ///
    /// # Errors
    /// When it cannot be replaced; it is then as it was.
    pub fn replace(&self, ring: &KeyRing) -> Result<(), KeyFileError> {
        let unwritable = |source| self.unwritable(source);
        let real = Self {
            path: self.path.canonicalize().map_err(unwritable)?,
        };
        let before = fs::metadata(&real.path).map_err(unwritable)?;
        let draft = real.draft(ring).map_err(unwritable)?;
        let replaced = (|| {
            let file = File::open(&draft)?;
            let now = file.metadata()?;
            if (now.uid(), now.gid()) != (before.uid(), before.gid()) {
                fchown(&file, Some(before.uid()), Some(before.gid()))?;
            }
            file.set_permissions(before.permissions())?;
            fs::rename(&draft, &real.path)?;
            real.settle()
        })();
        if replaced.is_err() {
            let _ = fs::remove_file(&draft);
        }
        replaced.map_err(unwritable)
    }

    /// Writes the keys into a file beside it, down to the disk.
    fn draft(&self, ring: &KeyRing) -> std::io::Result<PathBuf> {
        let mut name = self.path.as_os_str().to_owned();
        name.push(format!(".new-{}", std::process::id()));
        let draft = PathBuf::from(name);
        // Left over by a process of the same number that was killed.
        let _ = fs::remove_file(&draft);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)?;
        let written = file
            .write_all(seal_file::write(ring).as_bytes())
            .and_then(|()| file.sync_all());
        if written.is_err() {
            let _ = fs::remove_file(&draft);
        }
        written.map(|()| draft)
    }

    /// Writes the folder's entry to the disk too.
    fn settle(&self) -> std::io::Result<()> {
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        File::open(folder)?.sync_all()
    }

    fn unwritable(&self, source: std::io::Error) -> KeyFileError {
        KeyFileError::Unwritable {
            path: self.path.clone(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::seal::{SealKey, SealKeyId};

    fn ring(numbers: &[u8]) -> KeyRing {
        let key = |number: &u8| SealKey::new(SealKeyId::new(*number).unwrap(), [*number; 32]);
        KeyRing::new(numbers.iter().map(key).collect())
    }

    fn numbers(ring: &KeyRing) -> Vec<u8> {
        ring.keys().iter().map(|key| key.id().number()).collect()
    }

    fn file_in(folder: &tempfile::TempDir) -> KeyFile {
        KeyFile {
            path: folder.path().join("key"),
        }
    }

    fn mode(file: &KeyFile) -> u32 {
        fs::metadata(file.path()).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_is_made_for_its_owner_alone_and_never_over_another() {
        let folder = tempfile::tempdir().unwrap();
        let file = file_in(&folder);
        assert!(file.read().unwrap().is_none());
        assert_eq!(numbers(&file.make(&ring(&[1])).unwrap()), [1]);
        assert_eq!(mode(&file), 0o600);
        assert_eq!(numbers(&file.make(&ring(&[2])).unwrap()), [1]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_replaced_file_keeps_its_rights_and_the_link_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = file_in(&folder);
        file.make(&ring(&[1])).unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o640)).unwrap();
        let link = KeyFile {
            path: folder.path().join("link"),
        };
        std::os::unix::fs::symlink(file.path(), link.path()).unwrap();
        link.replace(&ring(&[1, 2])).unwrap();
        assert_eq!(numbers(&file.read().unwrap().unwrap()), [1, 2]);
        assert_eq!(mode(&file), 0o640);
        assert!(fs::symlink_metadata(link.path()).unwrap().is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_file_that_everybody_may_read_and_one_without_keys_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = file_in(&folder);
        file.make(&ring(&[1])).unwrap();
        for (rights, fine) in [(0o400, true), (0o640, true), (0o644, false), (0o602, false)] {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(rights)).unwrap();
            let read = file.read();
            assert_eq!(read.is_ok(), fine, "{rights:o}");
            if let Err(error) = read {
                assert!(error.to_string().contains("chmod 600"), "{error}");
            }
        }
        fs::remove_file(file.path()).unwrap();
        fs::write(file.path(), "nothing").unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o600)).unwrap();
        let error = file.read().unwrap_err().to_string();
        assert!(error.contains("line 1"), "{error}");
    }
}
