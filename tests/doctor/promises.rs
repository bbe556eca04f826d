//! A database that breaks what Herald promises.

use std::process::{Command, Output, Stdio};

use herald::store::Database;
use serde_json::json;

use crate::doctor::Report;
use crate::support::cluster::Cluster;
use crate::support::{Herald, folder, psql, wait_for, wait_until};

/// A server of its own whose settings may be broken.
fn private_server() -> Herald {
    Herald::launch_private()
}

fn set(herald: &Herald, setting: &str, value: &str) {
    herald.sql(&format!("alter system set {setting} = {value}"));
    herald.sql("select pg_reload_conf()");
    wait_until("the setting is in force", || {
        herald.sql(&format!("show {setting}")).trim() == value
    });
}

/// A second daemon on the same server, in a folder of its own.
fn beside(herald: &Herald, folder: &std::path::Path) -> Command {
    let mut command = herald.command();
    command
        .env("HERALD_DATABASE_URL", &herald.database_url)
        .env("HERALD_DATA_DIR", folder)
        .env("HERALD_KEY_FILE", herald.folder.join("key"))
        .env("HERALD_LISTEN", "127.0.0.1:0")
        .stdout(Stdio::null());
    command
}

fn serve(mut command: Command, arguments: &[&str]) -> Output {
    command.arg("serve").args(arguments).output().unwrap()
}

#[test]
fn a_database_that_may_lose_what_was_committed_is_refused_unless_accepted_twice() {
    let herald = private_server();
    let elsewhere = folder();
    for setting in ["fsync", "full_page_writes"] {
        set(&herald, setting, "off");
        let report = Report::of(herald.command(), &[]);
        let remedy = report.expect(setting, "failed", &["is off", "power cut"]);
        assert!(remedy.contains(&format!("{setting} = on")), "{remedy}");

        let mut by_setting = beside(&herald, &elsewhere);
        by_setting.env("HERALD_UNSAFE_DATABASE", "accept");
        let refusals = [
            serve(beside(&herald, &elsewhere), &[]),
            serve(beside(&herald, &elsewhere), &["--unsafe-database"]),
            serve(by_setting, &[]),
        ];
        for refused in refusals {
            let told = String::from_utf8_lossy(&refused.stderr).into_owned();
            assert_eq!(refused.status.code(), Some(1), "{told}");
            for words in [
                &format!("has {setting} off"),
                &format!("Set {setting} = on"),
                "HERALD_UNSAFE_DATABASE=accept",
                "--unsafe-database",
            ] {
                assert!(told.contains(words), "{words} in {told}");
            }
        }

        let log = elsewhere.join("log");
        let mut accepted = beside(&herald, &elsewhere);
        accepted
            .args(["serve", "--unsafe-database"])
            .env("HERALD_UNSAFE_DATABASE", "accept")
            .stderr(std::fs::File::create(&log).unwrap());
        let mut child = accepted.spawn().unwrap();
        let told = wait_for("the daemon is open", || {
            let told = std::fs::read_to_string(&log).unwrap();
            told.contains("Herald is open").then_some(told)
        });
        assert!(told.contains("the database is unsafe"), "{told}");
        child.kill().unwrap();
        child.wait().unwrap();
        set(&herald, setting, "on");
    }
    Report::of(herald.command(), &[]).expect("fsync", "ok", &["is on"]);
    std::fs::remove_dir_all(elsewhere).unwrap();
}

#[test]
fn commits_wait_for_the_disk_where_the_database_has_that_off() {
    let url = Cluster::shared().database();
    let name = url.rsplit('/').next().unwrap().split('?').next().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let in_force = || {
        let database = Database::new(&url, 1).unwrap();
        runtime.block_on(async {
            use diesel_async::RunQueryDsl;
            #[derive(diesel::QueryableByName)]
            struct Shown {
                #[diesel(sql_type = diesel::sql_types::Text)]
                value: String,
            }
            let shown = "select current_setting('synchronous_commit') as value";
            let mut pooled = database.get().await.unwrap();
            let pooled: Vec<Shown> = diesel::sql_query(shown).load(&mut pooled).await.unwrap();
            let mut own = database.dedicated().await.unwrap();
            let own: Vec<Shown> = diesel::sql_query(shown).load(&mut own).await.unwrap();
            let [pooled, own] = [pooled, own].map(|rows| rows.into_iter().next().unwrap());
            assert_eq!(pooled.value, own.value);
            own.value
        })
    };
    for (set, expected) in [
        ("off", "on"),
        ("local", "local"),
        ("remote_apply", "remote_apply"),
    ] {
        psql(
            &url,
            &format!("alter database {name} set synchronous_commit = {set}"),
        );
        assert_eq!(in_force(), expected);
    }
    psql(
        &url,
        &format!("alter database {name} set synchronous_commit = off"),
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_herald"));
    command
        .env("HERALD_CONFIG", "")
        .env("HERALD_DATABASE_URL", &url)
        .env("HERALD_LISTEN", "127.0.0.1:0");
    let report = Report::of(command, &[]);
    report.expect(
        "synchronous_commit",
        "warning",
        &["off", "Herald switches it on"],
    );
}

#[test]
fn a_standby_an_old_encoding_and_missing_rights_are_told() {
    let cluster = Cluster::shared();
    let url = cluster.empty_database();
    let name = url
        .rsplit('/')
        .next()
        .unwrap()
        .split('?')
        .next()
        .unwrap()
        .to_owned();
    psql(&url, "create role guest login");
    psql(&url, "revoke all on schema public from public");
    let guest = url.replacen("herald@", "guest@", 1);
    assert_ne!(guest, url);
    let doctor = |url: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_herald"));
        command
            .env("HERALD_CONFIG", "")
            .env("HERALD_DATABASE_URL", url)
            .env("HERALD_LISTEN", "127.0.0.1:0");
        Report::of(command, &[])
    };
    let remedy = doctor(&guest).expect("permissions", "failed", &["guest may not make tables"]);
    assert!(
        remedy.contains(&format!("alter database \"{name}\" owner")),
        "{remedy}"
    );
    // What the doctor says mends it.
    let (_, grant) = remedy.split_once("connected to it: ").unwrap();
    psql(&url, grant);
    doctor(&guest).expect("permissions", "ok", &[&name]);

    psql(
        &url,
        "create database latin encoding 'LATIN1' locale 'C' template template0",
    );
    let latin = url.replace(&name, "latin");
    doctor(&latin).expect("database", "failed", &["LATIN1", "UTF8"]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_herald"));
    let elsewhere = folder();
    command
        .env("HERALD_CONFIG", "")
        .env("HERALD_DATABASE_URL", &latin)
        .env("HERALD_DATA_DIR", &elsewhere)
        .env("HERALD_LISTEN", "127.0.0.1:0");
    let refused = serve(command, &[]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("LATIN1"));

    psql(&url, "alter role guest connection limit 2");
    doctor(&guest).expect("free connections", "failed", &["2 of"]);

    let nowhere = doctor("postgresql://herald@127.0.0.1:1/herald");
    let remedy = nowhere.expect("database", "failed", &["away"]);
    assert!(remedy.contains("database_url"), "{remedy}");
    std::fs::remove_dir_all(elsewhere).unwrap();
}

#[test]
fn a_database_that_a_newer_herald_changed_is_told_and_used() {
    let mut herald = Herald::launch();
    herald.sql("insert into __diesel_schema_migrations (version) values ('29990101000001')");
    Report::of(herald.command(), &[]).expect("schema", "warning", &["newer Herald"]);
    herald.terminate();
    herald.spawn();
    assert!(
        herald
            .log()
            .contains("a newer Herald has changed this database")
    );
    let event = json!({"event_type": "ORDER_CREATED", "data": {}});
    herald.post("/v1/events", &event).expect(202);
}
