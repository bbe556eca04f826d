//! Files that are made from the code, and where they go.

use std::fs;
use std::path::Path;

use anyhow::Context;

/// Writes files into a folder, which is made if it is missing.
///
/// # Errors
/// When the folder or a file cannot be written.
pub(super) fn write<N, T>(
    folder: &Path,
    files: impl IntoIterator<Item = (N, T)>,
) -> anyhow::Result<()>
where
    N: AsRef<Path>,
    T: AsRef<[u8]>,
{
    fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    for (name, text) in files {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
