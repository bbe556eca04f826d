//! One file of the plugins folder: finds them, and reads one under the rules that keep strangers'
//! scripts out. It knows nothing of what a script says.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use super::limits::MAX_SOURCE_BYTES;
use super::source::{ScriptKind, ScriptName};
use crate::domain::event_type;

/// More files than this are refused, those that come last by name.
pub const MAX_SCRIPTS: usize = 1_000;
/// The longest name of a file in `named/`, in bytes, without `.rhai`.
const MAX_NAMED: usize = 63;
const WORLD_WRITABLE: u32 = 0o002;

/// A file that looks like a script, by its place and its ending.
#[derive(Debug)]
pub(super) struct FoundScript {
    pub(super) name: ScriptName,
    /// Where it is listed: the folder's real path and the file's name in it.
    pub(super) path: PathBuf,
    /// Why it is refused before it is opened.
    pub(super) refused: Option<String>,
}

/// Every script of a plugins folder, sorted by name. A missing `triggers` or `named` is empty.
///
/// # Errors
/// When the folder, or one of the two in it, is not there to be read.
pub(super) fn find(root: &Path) -> Result<Vec<FoundScript>, String> {
    if let Err(error) = fs::read_dir(root) {
        return Err(match error.kind() {
            io::ErrorKind::NotFound => format!("the plugins folder {} is missing", root.display()),
            _ => format!(
                "the plugins folder {} cannot be read: {error}",
                root.display()
            ),
        });
    }
    let mut found = Vec::new();
    for kind in [ScriptKind::Trigger, ScriptKind::Named] {
        find_in(&root.join(kind.folder()), kind, &mut found)
            .map_err(|error| format!("the folder {} cannot be read: {error}", kind.folder()))?;
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    for excess in found.iter_mut().skip(MAX_SCRIPTS) {
        excess.refused = Some(format!("more than {MAX_SCRIPTS} scripts: it is not read"));
    }
    Ok(found)
}

fn find_in(folder: &Path, kind: ScriptKind, found: &mut Vec<FoundScript>) -> io::Result<()> {
    let listing = fs::canonicalize(folder).and_then(|real| Ok((fs::read_dir(&real)?, real)));
    let (entries, folder) = match listing {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let open_to_all = is_world_writable(&folder)?;
    for entry in entries {
        let file = entry?.file_name();
        let shown = file.to_string_lossy();
        // What editors leave beside a file (`.x.rhai.swp`, `x.rhai~`, `4913`) is none.
        let Some(name) = shown
            .strip_suffix(".rhai")
            .filter(|it| !it.starts_with('.'))
        else {
            continue;
        };
        let (name, misnamed) = match check_name(kind, name) {
            Ok(name) => (name, None),
            Err(fault) => (ScriptName::of_refused(kind, name), Some(fault)),
        };
        let refused = if file.to_str().is_none() {
            Some("its name is not UTF-8".to_owned())
        } else if open_to_all {
            Some(format!(
                "anybody may write to the folder {}: take that right away (chmod o-w)",
                kind.folder()
            ))
        } else {
            misnamed
        };
        found.push(FoundScript {
            name,
            path: folder.join(&file),
            refused,
        });
    }
    Ok(())
}

/// The script of that kind in a file of that name (without `.rhai`). What subscriptions name is
/// spelt in one way only, so that two names cannot differ by their letters' case alone.
///
/// # Errors
/// Says what is wrong with the name.
pub fn check_name(kind: ScriptKind, name: &str) -> Result<ScriptName, String> {
    if kind == ScriptKind::Named {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let mut bytes = name.bytes();
        let good = bytes.next().is_some_and(plain)
            && bytes.all(|byte| plain(byte) || byte == b'_' || byte == b'-')
            && name.len() <= MAX_NAMED;
        if !good {
            return Err(format!(
                "the name of a script in named/ has 1 to {MAX_NAMED} characters of a-z, 0-9, \
                 `_` and `-` and starts with a letter or a digit"
            ));
        }
    }
    event_type::check_name(name)
        .map_err(|error| format!("a script in triggers/ is named after its event type: {error}"))?;
    ScriptName::new(kind, name).map_err(|error| error.to_string())
}

/// Reads a script's text: a regular file within `root`, UTF-8, neither empty nor longer than
/// [`MAX_SOURCE_BYTES`], and neither it nor a folder on its way writable for everybody.
///
/// # Errors
/// Says why it is refused.
pub(super) fn read_within(root: &Path, path: &Path) -> Result<String, String> {
    let unreadable = |error: io::Error| format!("it cannot be read: {error}");
    let root = fs::canonicalize(root).map_err(unreadable)?;
    let real = fs::canonicalize(path).map_err(unreadable)?;
    if !real.starts_with(&root) {
        return Err("it is a link that leads outside of the plugins folder".to_owned());
    }
    let folders = real.ancestors().skip(1);
    for folder in folders.take_while(|folder| folder.starts_with(&root)) {
        if is_world_writable(folder).map_err(unreadable)? {
            let shown = match folder.strip_prefix(&root) {
                Ok(inner) if !inner.as_os_str().is_empty() => inner.display().to_string(),
                _ => "of the plugins".to_owned(),
            };
            return Err(format!(
                "anybody may write to the folder {shown}: take that right away (chmod o-w)"
            ));
        }
    }
    read_script(&real)
}

/// Reads a script's text wherever it is, under all the other rules of `read_within`.
///
/// # Errors
/// Says why it is refused.
pub fn read_script(path: &Path) -> Result<String, String> {
    let unreadable = |error: io::Error| format!("it cannot be read: {error}");
    // Not blocking: a named pipe would keep the reader for ever.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty())
        .map(File::from)
        .map_err(|error| unreadable(error.into()))?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    if metadata.permissions().mode() & WORLD_WRITABLE != 0 {
        return Err("anybody may write to it: take that right away (chmod o-w)".to_owned());
    }
    let mut bytes = Vec::new();
    // One byte more than allowed shows that the file is too long or grew since.
    file.take(MAX_SOURCE_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() > MAX_SOURCE_BYTES {
        return Err(format!("it is longer than {} KiB", MAX_SOURCE_BYTES / 1024));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("it is not UTF-8: byte {} begins no character", at + 1)
    })?;
    if text.trim().is_empty() {
        // An editor may be about to write what it has just cut to nothing.
        return Err("it is empty".to_owned());
    }
    Ok(text)
}

fn is_world_writable(path: &Path) -> io::Result<bool> {
    Ok(fs::metadata(path)?.permissions().mode() & WORLD_WRITABLE != 0)
}
