//! The operating system's account under which PostgreSQL runs: Herald's own, or, since
//! PostgreSQL refuses root, the one that owns the folder or `postgres` of the package.

use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::error::PostgresError;

const PACKAGE_ACCOUNT: &str = "postgres";

/// Who runs the programs and owns the files.
#[derive(Debug, Clone)]
pub(super) struct SystemAccount {
    pub(super) uid: u32,
    gid: u32,
    name: String,
    /// Whether Herald is another account (root) and has to switch.
    switch: bool,
}

impl SystemAccount {
    /// Chooses for `home`, which need not exist yet.
    pub(super) fn for_folder(home: &Path) -> Result<Self, PostgresError> {
        let own = rustix::process::geteuid().as_raw();
        let owner = std::fs::metadata(home)
            .ok()
            .map(|found| (found.uid(), found.gid()));
        if own != 0 {
            return match owner {
                Some((owner, _)) if owner != own => Err(PostgresError::WrongOwner {
                    folder: home.to_owned(),
                    owner,
                    own,
                }),
                _ => Ok(Self {
                    uid: own,
                    gid: rustix::process::getegid().as_raw(),
                    name: format!("uid {own}"),
                    switch: false,
                }),
            };
        }
        match owner {
            // Made by an earlier run as an ordinary user: it stays that user's.
            Some((uid, gid)) if uid != 0 => {
                let name = name_of(uid).unwrap_or_else(|| format!("uid {uid}"));
                Ok(Self {
                    uid,
                    gid,
                    name,
                    switch: true,
                })
            }
            _ => {
                let (uid, gid) = ids_of(PACKAGE_ACCOUNT).ok_or(PostgresError::NoAccount)?;
                Ok(Self {
                    uid,
                    gid,
                    name: PACKAGE_ACCOUNT.to_owned(),
                    switch: true,
                })
            }
        }
    }

    /// A command that runs as this account, in `/`, with a clean environment: no locale, no
    /// `PG…` variable and no secret of Herald's reaches PostgreSQL.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("LC_ALL", "C")
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .current_dir("/")
            .stdin(Stdio::null());
        if self.switch {
            // std drops root's supplementary groups when it changes the uid.
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Gives a file or folder that Herald made to this account.
    pub(super) fn own(&self, path: &Path) -> Result<(), PostgresError> {
        if self.switch {
            chown(path, Some(self.uid), Some(self.gid))
                .map_err(PostgresError::file("given to PostgreSQL's account", path))?;
        }
        Ok(())
    }

    /// Makes sure that this account reaches `folder`, by entering it as that account would:
    /// mode bits alone say nothing of access lists and mounts.
    pub(super) fn check_reach(&self, folder: &Path) -> Result<(), PostgresError> {
        if !self.switch || self.can_enter(folder)? {
            return Ok(());
        }
        let mut way: Vec<&Path> = folder.ancestors().collect();
        way.reverse();
        for step in way {
            if !self.can_enter(step)? {
                let (folder, account) = (step.to_owned(), self.name.clone());
                return Err(PostgresError::CannotEnter { folder, account });
            }
        }
        Ok(())
    }

    fn can_enter(&self, folder: &Path) -> Result<bool, PostgresError> {
        let program = PathBuf::from("/bin/true");
        // The account is switched before the folder is changed, so its rights are judged.
        match self.command(&program).current_dir(folder).status() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(false),
            Err(source) => Err(PostgresError::Run { program, source }),
        }
    }
}

fn passwd() -> Vec<(String, u32, u32)> {
    let text = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let entry = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some((name, uid, gid))
    };
    text.lines().filter_map(entry).collect()
}

fn ids_of(account: &str) -> Option<(u32, u32)> {
    passwd()
        .into_iter()
        .find(|(name, ..)| name == account)
        .map(|(_, uid, gid)| (uid, gid))
}

fn name_of(wanted: u32) -> Option<String> {
    passwd()
        .into_iter()
        .find(|(_, uid, _)| *uid == wanted)
        .map(|(name, ..)| name)
}
