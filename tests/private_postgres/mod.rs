//! What the private PostgreSQL promises, on the installed PostgreSQL. Runs as root (the server
//! then runs as another account) and as an ordinary user.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use herald::postgres::{PostgresError, PrivatePostgres};
use rustix::process::{Pid, Signal, geteuid, kill_process, test_kill_process};

/// A data folder that PostgreSQL's account may enter.
fn data_dir() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn data_of(folder: &Path) -> PathBuf {
    folder.join("postgresql/data")
}

fn postmaster_of(folder: &Path) -> Pid {
    let text = std::fs::read_to_string(data_of(folder).join("postmaster.pid")).unwrap();
    Pid::from_raw(text.lines().next().unwrap().trim().parse().unwrap()).unwrap()
}

async fn query(url: &str, sql: &str) -> Result<String, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    let connection = tokio::spawn(connection);
    let rows = client.simple_query(sql).await;
    drop(client);
    connection.await.unwrap().ok();
    let rows = rows?;
    let first = rows.iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    Ok(first.unwrap_or_default())
}

async fn wait_until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "not within 30 s: {what}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn it_starts_serves_stops_and_finds_its_data_again() {
    let folder = data_dir();
    assert_eq!(PrivatePostgres::running(folder.path()), None);
    let postgres = PrivatePostgres::start(folder.path()).await.unwrap();
    let url = postgres.url();
    assert_eq!(PrivatePostgres::running(folder.path()), Some(url.clone()));

    let encoding = "SELECT pg_encoding_to_char(encoding) || datcollate FROM pg_database \
                    WHERE datname = current_database()";
    assert_eq!(query(&url, encoding).await.unwrap(), "UTF8C");
    for (setting, value) in [
        ("listen_addresses", ""),
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("max_wal_size", "2GB"),
        ("jit", "off"),
        ("unix_socket_permissions", "0700"),
    ] {
        assert_eq!(
            query(&url, &format!("SHOW {setting}")).await.unwrap(),
            value,
            "{setting}"
        );
    }
    let home = std::fs::metadata(folder.path().join("postgresql")).unwrap();
    assert_eq!(home.mode() & 0o777, 0o700);
    assert_ne!(home.uid(), 0, "PostgreSQL refuses root");

    query(&url, "CREATE TABLE kept AS SELECT 7 AS x")
        .await
        .unwrap();
    let pid = postmaster_of(folder.path());
    postgres.stop().await.unwrap();
    assert!(test_kill_process(pid).is_err(), "no process is left");
    assert_eq!(PrivatePostgres::running(folder.path()), None);

    let postgres = PrivatePostgres::start(folder.path()).await.unwrap();
    assert_eq!(postgres.url(), url);
    assert_eq!(query(&url, "SELECT x FROM kept").await.unwrap(), "7");
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn its_access_rules_have_no_line_for_the_network_also_in_an_older_folder() {
    let folder = data_dir();
    let rules = data_of(folder.path()).join("pg_hba.conf");
    let network = "host    all             all             127.0.0.1/32            trust";
    for _ in 0..2 {
        let postgres = PrivatePostgres::start(folder.path()).await.unwrap();
        let url = postgres.url();
        assert_eq!(query(&url, "SELECT 1").await.unwrap(), "1");
        let sql = "SELECT count(*) FROM pg_hba_file_rules WHERE type <> 'local'";
        assert_eq!(query(&url, sql).await.unwrap(), "0");
        postgres.stop().await.unwrap();
        // As initdb wrote it for an earlier version.
        let text = std::fs::read_to_string(&rules).unwrap();
        std::fs::write(&rules, format!("{text}{network}\n")).unwrap();
    }
}

#[tokio::test]
async fn a_killed_server_is_started_again_even_while_a_backend_still_works() {
    let folder = data_dir();
    let postgres = PrivatePostgres::start(folder.path()).await.unwrap();
    let url = postgres.url();
    query(&url, "CREATE TABLE kept AS SELECT 7 AS x")
        .await
        .unwrap();
    // Computes for minutes without looking up, so it outlives its postmaster.
    let busy = tokio::spawn({
        let url = url.clone();
        async move { query(&url, "SELECT count(*) FROM generate_series(1, 4000000000)").await }
    });
    wait_until("the long statement runs", async || {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%4000000000%' \
                   AND state = 'active' AND pid <> pg_backend_pid()";
        query(&url, sql).await.unwrap() == "1"
    })
    .await;

    for _ in 0..3 {
        let killed = postmaster_of(folder.path());
        kill_process(killed, Signal::KILL).unwrap();
        wait_until("another postmaster serves", async || {
            query(&url, "SELECT x FROM kept")
                .await
                .is_ok_and(|x| x == "7")
                && postmaster_of(folder.path()) != killed
        })
        .await;
    }
    busy.abort();
    postgres.stop().await.unwrap();
    assert_eq!(PrivatePostgres::running(folder.path()), None);
}

#[tokio::test]
async fn a_server_that_outlived_its_herald_is_taken_over_and_stopped() {
    let folder = data_dir();
    let first = PrivatePostgres::start(folder.path()).await.unwrap();
    let pid = postmaster_of(folder.path());
    drop(first);

    let second = PrivatePostgres::start(folder.path()).await.unwrap();
    assert_eq!(postmaster_of(folder.path()), pid, "it was not started anew");
    assert_eq!(query(&second.url(), "SELECT 1").await.unwrap(), "1");

    // The taken over one is watched as well.
    kill_process(pid, Signal::KILL).unwrap();
    wait_until("it is started again", async || {
        PrivatePostgres::running(folder.path()).is_some() && postmaster_of(folder.path()) != pid
    })
    .await;
    second.stop().await.unwrap();
    assert_eq!(PrivatePostgres::running(folder.path()), None);
}

#[tokio::test]
async fn a_stale_pid_file_a_damaged_folder_and_another_version_are_told_apart() {
    let folder = data_dir();
    PrivatePostgres::start(folder.path())
        .await
        .unwrap()
        .stop()
        .await
        .unwrap();
    let data = data_of(folder.path());

    // The number of a living process that is not PostgreSQL: this one.
    let own = std::process::id();
    let text = format!(
        "{own}\n{}\n1\n5432\n/tmp\n\n1 1\nready   \n",
        data.display()
    );
    std::fs::write(data.join("postmaster.pid"), text).unwrap();
    assert_eq!(PrivatePostgres::running(folder.path()), None);
    PrivatePostgres::start(folder.path())
        .await
        .unwrap()
        .stop()
        .await
        .unwrap();

    let control = data.join("global/pg_control");
    let whole = std::fs::read(&control).unwrap();
    std::fs::write(&control, vec![0; whole.len()]).unwrap();
    let error = PrivatePostgres::start(folder.path()).await.unwrap_err();
    assert!(matches!(error, PostgresError::Crashed { .. }), "{error}");
    assert!(
        error.to_string().contains("PG_CONTROL_VERSION"),
        "the log is quoted: {error}"
    );
    std::fs::write(&control, whole).unwrap();

    std::fs::write(data.join("PG_VERSION"), "9\n").unwrap();
    let error = PrivatePostgres::start(folder.path()).await.unwrap_err();
    assert!(
        matches!(error, PostgresError::VersionMissing { wanted: 9, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_long_path_gets_a_short_socket() {
    let folder = data_dir();
    let deep = folder.path().join("d".repeat(100)).join("it's here");
    let postgres = PrivatePostgres::start(&deep).await.unwrap();
    let told = std::fs::read_to_string(deep.join("postgresql/socket-folder")).unwrap();
    let socket = PathBuf::from(told.trim());
    assert!(socket.starts_with("/tmp"), "{socket:?}");
    assert_eq!(std::fs::metadata(&socket).unwrap().mode() & 0o777, 0o700);
    assert_eq!(PrivatePostgres::running(&deep), Some(postgres.url()));
    assert_eq!(query(&postgres.url(), "SELECT 1").await.unwrap(), "1");
    postgres.stop().await.unwrap();
    std::fs::remove_dir_all(&socket).unwrap();
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_named() {
    let folder = data_dir();
    let closed = folder.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    let mode = |bits| std::fs::set_permissions(&closed, PermissionsExt::from_mode(bits)).unwrap();
    if geteuid().is_root() {
        mode(0o700);
        let error = PrivatePostgres::start(&closed.join("herald"))
            .await
            .unwrap_err();
        let expected = closed.canonicalize().unwrap();
        assert!(
            matches!(&error, PostgresError::CannotEnter { folder, .. } if *folder == expected),
            "{error}"
        );
        assert!(error.to_string().contains("chmod o+x"), "{error}");
    } else {
        mode(0o500);
        let error = PrivatePostgres::start(&closed.join("herald"))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("Permission denied"), "{error}");
        assert!(error.to_string().contains("closed"), "{error}");
    }
    mode(0o700);
}
