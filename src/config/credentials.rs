//! Settings from credentials: files that are named as the setting, one value each, so that what is
//! secret is neither in a file that many can read nor in the environment. systemd passes them in
//! the folder that `$CREDENTIALS_DIRECTORY` names (systemd.exec(5), `LoadCredential=`).

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::{Config, ConfigFault, setting};

/// The most bytes of one value.
const MAX: u64 = 65_536;
/// What systemd puts before the names of files that `LoadCredential=herald:FOLDER` found.
const PREFIX: &str = "herald_";

/// Applies the settings that the folder holds, and returns all their faults.
pub(super) fn apply(config: &mut Config, folder: &Path) -> Vec<ConfigFault> {
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
            Err(detail) => faults.push(ConfigFault { where_, detail }),
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

/// One value, without a line end after it. No error repeats the value.
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
