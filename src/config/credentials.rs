//! Settings from credentials: files that are named as the setting, one value each, so that what is
//! secret stands neither in a file that many read nor in the environment. systemd hands them over
//! in the folder that `$CREDENTIALS_DIRECTORY` names (systemd.exec(5), `LoadCredential=`).

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::{Config, Fault, setting};

/// The most bytes of one value.
const MAX: u64 = 65_536;
/// What systemd puts before the names of files that `LoadCredential=herald:FOLDER` found.
const PREFIX: &str = "herald_";

/// Applies what the folder holds for settings and answers with all its faults.
pub(super) fn apply(config: &mut Config, folder: &Path) -> Vec<Fault> {
    let mut faults = Vec::new();
    for setting in setting::all() {
        let Some(path) = find(folder, setting.key) else {
            continue;
        };
        let where_ = path.display().to_string();
        match read(&path).and_then(|text| (setting.set)(config, &text)) {
            Ok(()) => {
                config.sources.insert(setting.key, where_);
            }
            Err(detail) => faults.push(Fault { where_, detail }),
        }
    }
    faults
}

/// The file of a credential, if there is one.
pub(super) fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    [folder.join(name), folder.join(format!("{PREFIX}{name}"))]
        .into_iter()
        .find(|path| path.is_file())
}

/// One value: a line end after it is not a part of it. What it is is never repeated.
fn read(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied => {
                "may not be read by this user: run the command as root or as Herald's user"
                    .to_owned()
            }
            _ => format!("cannot be read: {error}"),
        })?;
    if bytes.len() as u64 > MAX {
        return Err(format!("is longer than {MAX} bytes"));
    }
    let text = String::from_utf8(bytes).map_err(|_bytes| "is not valid UTF-8".to_owned())?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
