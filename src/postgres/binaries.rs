//! Finds the programs of the installed PostgreSQL server: Debian keeps each major version in
//! a folder of its own outside PATH. Knows nothing of data folders beyond `PG_VERSION`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::error::PostgresError;

const DEBIAN: &str = "/usr/lib/postgresql";

/// The programs of one major version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    pub(super) major: u32,
    folder: PathBuf,
}

impl Binaries {
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// The version that wrote `data`, or the newest one for a folder that is still to be made.
pub(super) fn choose(data: &Path) -> Result<Binaries, PostgresError> {
    let mut installed = installed();
    installed.sort_by_key(|binaries| binaries.major);
    let Some(newest) = installed.last() else {
        return Err(PostgresError::NotInstalled);
    };
    let Some(wanted) = version_of(data)? else {
        return Ok(newest.clone());
    };
    let found = installed.iter().find(|binaries| binaries.major == wanted);
    found.cloned().ok_or_else(|| PostgresError::VersionMissing {
        folder: data.to_owned(),
        wanted,
        installed: installed
            .iter()
            .map(|b| b.major.to_string())
            .collect::<Vec<_>>()
            .join(", "),
    })
}

/// The major version in `PG_VERSION`; `None` where there are no data yet.
fn version_of(data: &Path) -> Result<Option<u32>, PostgresError> {
    let path = data.join("PG_VERSION");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(PostgresError::file("read", path)(error)),
    };
    let major = text
        .trim()
        .split('.')
        .next()
        .and_then(|major| major.parse().ok());
    let text = text.chars().take(40).collect();
    major
        .map(Some)
        .ok_or(PostgresError::VersionUnreadable { path, text })
}

fn installed() -> Vec<Binaries> {
    let entries = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries
        .filter_map(|entry| {
            let major = entry.file_name().to_str()?.parse().ok()?;
            Some(Binaries {
                major,
                folder: entry.path().join("bin"),
            })
        })
        // The client package alone makes the folder as well.
        .filter(|binaries| {
            ["postgres", "initdb"]
                .iter()
                .all(|p| binaries.program(p).is_file())
        })
        .collect();
    if let Some(other) = in_path()
        && !found.iter().any(|binaries| binaries.major == other.major)
    {
        found.push(other);
    }
    found
}

/// The shell looks PATH up, since only `config` reads the environment.
fn in_path() -> Option<Binaries> {
    let mut look_up = Command::new("/bin/sh");
    look_up.args(["-c", "command -v postgres"]);
    let path = output_of(look_up)?;
    let folder = Path::new(path.trim())
        .canonicalize()
        .ok()?
        .parent()?
        .to_owned();
    let mut version = Command::new(folder.join("postgres"));
    version.arg("--version");
    let major = major_in(&output_of(version)?)?;
    folder
        .join("initdb")
        .is_file()
        .then_some(Binaries { major, folder })
}

fn output_of(mut command: Command) -> Option<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Reads `postgres (PostgreSQL) 15.14 (Debian …)`, also `17beta1`.
fn major_in(version: &str) -> Option<u32> {
    let number = version.split("(PostgreSQL) ").nth(1)?;
    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_line_of_any_build_is_read() {
        assert_eq!(
            major_in("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"),
            Some(15)
        );
        assert_eq!(major_in("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major_in("something else"), None);
    }

    #[test]
    fn data_of_a_version_that_is_not_installed_are_told_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("PG_VERSION"), "8\n").unwrap();
        let error = choose(folder.path()).unwrap_err();
        assert!(
            matches!(error, PostgresError::VersionMissing { wanted: 8, .. }),
            "{error}"
        );
        assert!(
            error.to_string().contains("apt install postgresql-8"),
            "{error}"
        );

        std::fs::write(folder.path().join("PG_VERSION"), "fifteen").unwrap();
        assert!(matches!(
            choose(folder.path()),
            Err(PostgresError::VersionUnreadable { .. })
        ));
    }
}
