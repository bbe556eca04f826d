//! TLS to PostgreSQL and to targets: the real daemon and its commands against real servers with and
//! without it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test ends at the first surprise"
)]

pub(crate) mod server;
mod targets;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use self::server::{Ca, Server};
use crate::support::Herald;

/// A server with a certificate for `db.example`, reached at 127.0.0.1.
struct Stage {
    folder: PathBuf,
    ca: Ca,
    server: Server,
}

impl Stage {
    fn new() -> Self {
        let folder = crate::support::folder();
        let ca = Ca::new(&folder, "own");
        let server = Server::start(Some((&ca, "db.example")));
        Self { folder, ca, server }
    }

    fn url(&self, user: &str, host: &str, database: &str, more: &str) -> String {
        let port = self.server.port;
        format!("user={user} host={host} hostaddr=127.0.0.1 port={port} dbname={database} {more}")
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// `herald migrate` on a database: what it wrote to standard error, if it failed.
fn migrate(url: &str, settings: &[(&str, &str)]) -> Result<(), String> {
    let output = Command::new(env!("CARGO_BIN_EXE_herald"))
        .arg("migrate")
        .env("HERALD_DATABASE_URL", url)
        .env_remove("HERALD_CONFIG")
        .envs(settings.iter().copied())
        .output()
        .unwrap();
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8(output.stderr).unwrap())
    }
}

fn refused(url: &str, words: &[&str]) {
    let told = migrate(url, &[]).expect_err("it should be refused");
    for word in words {
        assert!(told.contains(word), "no `{word}` in: {told}");
    }
    assert!(!told.contains("secret"), "{told}");
}

#[test]
fn daemon_commands_and_migrations_verify_the_server_and_encrypt_everything() {
    let stage = Stage::new();
    let database = stage.server.database();
    let url = stage.url(
        "ann",
        "db.example",
        &database,
        "password=secret sslmode=verify-full",
    );
    let ca = stage.ca.file();
    migrate(&url, &[("HERALD_DATABASE_CA_FILE", &ca)]).unwrap();
    let herald = Herald::launch_at(&url, &[("HERALD_DATABASE_CA_FILE", &ca)]);
    herald
        .publish(br#"{"event_type":"ORDER_CREATED","data":{"id":1}}"#)
        .expect(202);
    herald.run(&["audit"]);
    let (with, without) = stage.server.connections(&database);
    assert!(with > 0, "no connection of the daemon's");
    assert_eq!(without, 0);
    assert!(!herald.log().contains("nothing proves"), "{}", herald.log());
}

#[test]
fn a_certificate_for_another_host_is_refused_by_verify_full_alone() {
    let stage = Stage::new();
    let database = stage.server.database();
    let ca = format!("sslrootcert='{}'", stage.ca.file());
    let url = |mode| {
        stage.url(
            "herald",
            "other.example",
            &database,
            &format!("{mode} {ca}"),
        )
    };
    refused(
        &url("sslmode=verify-full"),
        &["certificate", "it is for another host"],
    );
    migrate(&url("sslmode=verify-ca"), &[]).unwrap();
    migrate(&url("sslmode=require"), &[]).unwrap();
    // As a URL, and by the address that the certificate does not name.
    let port = stage.server.port;
    let file = stage.ca.file();
    let url = format!(
        "postgresql://herald@127.0.0.1:{port}/{database}?sslrootcert={file}&sslmode=verify-full"
    );
    refused(&url, &["it is for another host"]);
}

#[test]
fn a_certificate_of_another_ca_is_refused_wherever_a_ca_is_asked_for() {
    let stage = Stage::new();
    let database = stage.server.database();
    let other = Ca::new(&stage.folder, "other");
    let url = |more: &str| stage.url("herald", "db.example", &database, more);
    for mode in ["require", "verify-ca", "verify-full"] {
        let with_other = format!("sslmode={mode} sslrootcert='{}'", other.file());
        refused(
            &url(&with_other),
            &["not of a CA that is trusted", "HERALD_DATABASE_CA_FILE"],
        );
    }
    // Without any file, the operating system's CAs count.
    refused(
        &url("sslmode=verify-full"),
        &["not of a CA that is trusted"],
    );
    // Both in one file: one of them fits.
    let both = stage.folder.join("both.pem");
    let text = [other.file(), stage.ca.file()].map(|file| fs::read_to_string(file).unwrap());
    fs::write(&both, text.concat()).unwrap();
    let with_both = format!("sslmode=verify-full sslrootcert='{}'", both.display());
    migrate(&url(&with_both), &[]).unwrap();
    // Nothing is verified where nothing was asked for.
    migrate(&url("sslmode=require"), &[]).unwrap();
}

#[test]
fn a_server_without_tls_is_used_by_prefer_and_disable_alone() {
    let server = Server::start(None);
    let database = server.database();
    let url = |more: &str| {
        let port = server.port;
        format!("postgresql://herald@127.0.0.1:{port}/{database}{more}")
    };
    for mode in ["require", "verify-ca", "verify-full"] {
        refused(
            &url(&format!("?sslmode={mode}")),
            &["offers no TLS", "ssl = on"],
        );
    }
    migrate(&url(""), &[]).unwrap();
    migrate(&url("?sslmode=prefer"), &[]).unwrap();
    migrate(&url("?sslmode=disable"), &[]).unwrap();
}

#[test]
fn prefer_encrypts_where_it_can_and_a_host_elsewhere_is_warned_of() {
    let stage = Stage::new();
    let database = stage.server.database();
    let herald = Herald::launch_at(&stage.url("herald", "db.example", &database, ""), &[]);
    let (with, without) = stage.server.connections(&database);
    assert!(with > 0 && without == 0, "{with} with, {without} without");
    let log = herald.log();
    assert!(
        log.contains("nothing proves that the database at db.example is the right one"),
        "{log}"
    );
    drop(herald);

    // The server refuses this user over TLS: rather in plain than not at all.
    let database = stage.server.database();
    let herald = Herald::launch_at(&stage.url("plain", "localhost", &database, ""), &[]);
    let (with, without) = stage.server.connections(&database);
    assert!(with == 0 && without > 0, "{with} with, {without} without");
    assert!(!herald.log().contains("nothing proves"), "{}", herald.log());
    refused(
        &stage.url("plain", "localhost", &database, "sslmode=require"),
        &["pg_hba.conf"],
    );
    drop(herald);

    // And nothing is encrypted where that is wished.
    let database = stage.server.database();
    let url = stage.url("herald", "localhost", &database, "sslmode=disable");
    let _herald = Herald::launch_at(&url, &[]);
    let (with, without) = stage.server.connections(&database);
    assert!(with == 0 && without > 0, "{with} with, {without} without");
}

#[test]
fn a_ca_file_that_cannot_be_used_is_told_in_plain_words() {
    let folder = crate::support::folder();
    let empty = folder.join("empty.pem");
    fs::write(&empty, "nothing\n").unwrap();
    let url = "postgresql://herald@127.0.0.1:1/x?sslmode=verify-full";
    for (file, words) in [
        (folder.join("missing.pem"), "cannot be read"),
        (empty, "holds no certificate"),
    ] {
        let settings = [("HERALD_DATABASE_CA_FILE", file.to_str().unwrap())];
        let told = migrate(url, &settings).expect_err("it should be refused");
        assert!(told.contains(words), "{told}");
        assert!(told.contains(file.to_str().unwrap()), "{told}");
    }
    let told = migrate("postgresql://127.0.0.1/x?sslmode=always", &[]);
    let told = told.expect_err("it should be refused");
    assert!(told.contains("verify-full"), "{told}");
    let _ = fs::remove_dir_all(&folder);
}
