//! Mails as files, for those without a mail server: one `.eml` a mail, whole or not there.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tokio::fs;
use tokio::io::AsyncWriteExt;

/// Writes a mail. A second try of the same one replaces the file by the same bytes.
///
/// # Errors
/// Whatever keeps the file from being written.
pub(super) async fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<String> {
    let mut made = fs::DirBuilder::new();
    made.recursive(true).mode(0o700).create(folder).await?;
    // An earlier version made it for everybody to read.
    fs::set_permissions(folder, Permissions::from_mode(0o700)).await?;
    let safe: String = name
        .chars()
        .take(100)
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let (part, whole) = (format!(".{safe}.part"), format!("{safe}.eml"));
    let mut file = fs::OpenOptions::new();
    let file = file.create(true).truncate(true).write(true).mode(0o600);
    let mut file = file.open(folder.join(&part)).await?;
    file.write_all(bytes).await?;
    file.sync_all().await?;
    fs::rename(folder.join(&part), folder.join(&whole)).await?;
    Ok(format!("written to mails/{whole}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_rt::test]
    async fn a_mail_becomes_one_whole_file_whatever_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("mails");
        for name in ["0192@example.com", "0192@example.com", "../../etc/passwd"] {
            write(&inner, name, b"x").await.unwrap();
        }
        let mut found: Vec<String> = std::fs::read_dir(&inner)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        found.sort();
        assert_eq!(found, ["------etc-passwd.eml", "0192-example-com.eml"]);
    }

    #[actix_rt::test]
    async fn nobody_else_reads_a_mail_also_in_a_folder_of_an_earlier_version() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("mails");
        std::fs::create_dir(&inner).unwrap();
        std::fs::set_permissions(&inner, Permissions::from_mode(0o755)).unwrap();
        write(&inner, "a", b"x").await.unwrap();
        for (path, mode) in [(inner.clone(), 0o700), (inner.join("a.eml"), 0o600)] {
            let found = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(found & 0o777, mode, "{}", path.display());
        }
    }
}
