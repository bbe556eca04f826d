//! Mails as files, for who has no mail server: one `.eml` a mail, whole or not there.

use std::io;
use std::path::Path;

use tokio::fs;

/// Writes a mail. A second try of the same one replaces the file by the same bytes.
///
/// # Errors
/// Whatever keeps the file from being written.
pub(super) async fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<String> {
    fs::create_dir_all(folder).await?;
    let safe: String = name
        .chars()
        .take(100)
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let (part, whole) = (format!(".{safe}.part"), format!("{safe}.eml"));
    fs::write(folder.join(&part), bytes).await?;
    let file = fs::File::open(folder.join(&part)).await?;
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
}
