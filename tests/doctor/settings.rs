//! `herald check-config`: what is in force, from where, and what is wrong, by file, line and
//! column.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::folder;

fn check(file: &Path, environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_herald"))
        .arg("check-config")
        .arg("--config")
        .arg(file)
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

fn refused(file: &Path, environment: &[(&str, &str)]) -> Vec<String> {
    let output = check(file, environment);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(output.stdout.is_empty());
    told.lines().map(ToOwned::to_owned).collect()
}

#[test]
fn every_fault_is_told_at_once_by_file_line_and_column() {
    let folder = folder();
    let file = folder.join("herald.toml");
    let text = "# Ours\nlisten = \"somewhere\"\nretention_days = 1\nretension_days = 9\nlog = 5\n";
    fs::write(&file, text).unwrap();
    let told = refused(&file, &[("HERALD_SMTP_TIMEOUT_SECONDS", "soon")]).join("\n");
    let shown = file.display();
    for words in [
        &format!("{shown}:2:10 listen: `somewhere` should be an IP address and a port"),
        &format!("{shown}:3:18 retention_days: `1` should be a whole number from 3 to 3650"),
        &format!("{shown}:4:1 retension_days: is not a setting of Herald; did you mean"),
        &format!("{shown}:5:7 log: should be a text in quotes"),
        "HERALD_SMTP_TIMEOUT_SECONDS: `soon` should be a whole number",
    ] {
        assert!(told.contains(words), "{words} in\n{told}");
    }
    fs::write(&file, "listen = \"127.0.0.1:80\"\nlog = \"inf\n").unwrap();
    let told = refused(&file, &[]).join("\n");
    assert!(told.contains(&format!("{shown}:2:")), "{told}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn files_that_settings_name_are_looked_at_and_told_at_the_settings_place() {
    let folder = folder();
    let file = folder.join("herald.toml");
    let secret = folder.join("smtp");
    fs::write(&secret, "ann:se:cret").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    let shown = file.display();
    let text = format!(
        "smtp_url = \"smtps://mail.example.com\"\nsmtp_credentials_file = \"{}\"\n",
        secret.display()
    );
    fs::write(&file, text).unwrap();
    let told = refused(&file, &[]).join("\n");
    assert!(
        told.contains(&format!("{shown}:2:25 smtp_credentials_file: ")),
        "{told}"
    );
    assert!(
        told.contains("everybody on this machine may read"),
        "{told}"
    );
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let output = check(&file, &[("HERALD_LISTEN", "127.0.0.1:1234")]);
    let shown_all = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    assert!(!shown_all.contains("se:cret"));
    for (setting, source) in [
        ("smtp_url ", format!("{shown}:1:12")),
        ("listen ", "HERALD_LISTEN".to_owned()),
        ("data_dir ", "default".to_owned()),
    ] {
        let line = shown_all
            .lines()
            .find(|line| line.starts_with(setting))
            .unwrap();
        assert!(line.trim_end().ends_with(&source), "{line}");
    }
    let told = refused(
        &file,
        &[("HERALD_DATABASE_URL", "postgresql://x?port=many")],
    )
    .join("\n");
    assert!(
        told.contains("HERALD_DATABASE_URL: the database URL cannot be read"),
        "{told}"
    );
    fs::remove_dir_all(folder).unwrap();
}
