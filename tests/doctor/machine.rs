//! The machine: disk, folders, ports, names, TLS; beside a running daemon and without one.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::doctor::Report;
use crate::support::{Herald, folder, wait_for, wait_until};

/// A process that ends with its test, however that ends.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The command in a folder of its own, without a daemon.
fn alone(folder: &std::path::Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_herald"));
    command
        .env("HERALD_CONFIG", "")
        .env("HERALD_DATA_DIR", folder)
        .env("HERALD_PLUGINS_DIR", folder.join("plugins"))
        .env("HERALD_LISTEN", "127.0.0.1:0")
        .env_remove("HERALD_DATABASE_URL");
    command
}

#[test]
fn beside_a_running_daemon_all_is_in_order() {
    let herald = Herald::launch();
    let report = Report::of(herald.command(), &[]);
    assert_eq!(report.value["failed"], 0, "{}", report.value);
    report.expect(
        "database",
        "ok",
        &["PostgreSQL 15", "answers in", "over a socket"],
    );
    for setting in ["fsync", "full_page_writes", "synchronous_commit"] {
        report.expect(setting, "ok", &["on"]);
    }
    report.expect("clock", "ok", &["ms apart"]);
    report.expect("permissions", "ok", &[]);
    report.expect("free connections", "ok", &["up to 7"]);
    report.expect("schema", "ok", &[]);
    report.expect("disk space", "ok", &["GiB free"]);
    report.expect("data folder", "ok", &[herald.folder.to_str().unwrap()]);
    let version = env!("CARGO_PKG_VERSION");
    report.expect("port", "ok", &[&format!("Herald {version} serves")]);
    report.expect("key file", "ok", &["has the keys of this database"]);
    report.expect("DNS", "ok", &[]);
    report.expect("mail server", "warning", &["mails become files"]);

    let for_people = herald.run(&["doctor"]);
    println!("{for_people}");
    assert!(for_people.contains("ok       database"), "{for_people}");
    assert!(
        for_people.contains("\n0 failed, 1 warning, "),
        "{for_people}"
    );
}

#[test]
fn before_the_first_start_it_says_what_will_be_made_and_makes_nothing() {
    let folder = folder();
    let data = folder.join("data");
    let mut command = alone(&data);
    command.env("HERALD_PLUGINS_DIR", folder.join("plugins"));
    let report = Report::of(command, &[]);
    assert_eq!(report.value["failed"], 0, "{}", report.value);
    report.expect("database", "ok", &["made at the first start"]);
    report.expect("data folder", "ok", &["made at the first start"]);
    report.expect("key file", "ok", &["made at the first start"]);
    report.expect("plugins folder", "ok", &["no scripts"]);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_folder_that_everybody_may_write_to_is_told() {
    let folder = folder();
    let plugins = folder.join("plugins");
    let script = plugins.join("named/a.rhai");
    fs::create_dir_all(script.parent().unwrap()).unwrap();
    fs::write(&script, "fn filter(event) { true }").unwrap();
    Report::of(alone(&folder), &[]).expect("plugins folder", "ok", &["1 script"]);
    for path in [&plugins, &script] {
        let before = fs::metadata(path).unwrap().permissions();
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
        let report = Report::of(alone(&folder), &[]);
        let shown = path.to_str().unwrap();
        let remedy = report.expect("plugins folder", "failed", &["everybody may write", shown]);
        assert!(remedy.starts_with("chmod -R o-w "), "{remedy}");
        fs::set_permissions(path, before).unwrap();
    }
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let remedy = Report::of(alone(&folder), &[]).expect("data folder", "failed", &["everybody"]);
    assert!(remedy.starts_with("chmod o-w "), "{remedy}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_port_that_another_program_has_is_told() {
    let folder = folder();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    // It answers nobody, but it does not keep the doctor waiting either.
    std::thread::spawn(move || for _asked in other.incoming() {});
    let mut command = alone(&folder);
    command.env("HERALD_LISTEN", &address);
    let report = Report::of(command, &[]);
    let remedy = report.expect("port", "failed", &["another program has", &address]);
    assert!(remedy.contains("set listen"), "{remedy}");

    let mut command = alone(&folder);
    command.env("HERALD_LISTEN", "192.0.2.1:8080");
    Report::of(command, &[]).expect("port", "failed", &["no address 192.0.2.1"]);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn names_and_certificates_of_targets_are_tried_without_sending_anything() {
    let folder = folder();
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let made = Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        ])
        .args([
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success());
    let port = {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let log = folder.join("received");
    let server = Command::new("openssl")
        .args([
            "s_server",
            "-quiet",
            "-accept",
            &format!("127.0.0.1:{port}"),
        ])
        .arg("-cert")
        .arg(&cert)
        .arg("-key")
        .arg(&key)
        .stdin(Stdio::piped())
        .stdout(fs::File::create(&log).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let server = Ended(server);
    wait_until("the server listens", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    });

    let herald = Herald::launch();
    let url = format!("https://localhost:{port}/hook");
    let webhook = json!({"title": "T", "url": url, "triggers": ["ORDER_CREATED"]});
    herald.post("/v1/subscriptions", &webhook).expect(201);
    // The target of a webhook, by itself.
    let report = Report::of(herald.command(), &[]);
    let remedy = report.expect("outbound TLS", "failed", &["localhost"]);
    assert!(remedy.contains("certificate"), "{remedy}");
    // The same with its certificate trusted.
    let mut trusting = herald.command();
    trusting.env("SSL_CERT_FILE", &cert);
    let report = Report::of(trusting, &["--url", &url]);
    report.expect("outbound TLS", "ok", &["localhost at 127.0.0.1", "TLSv1_3"]);
    // Nobody listens; no such name; not allowed.
    let report = Report::of(herald.command(), &["--url", "https://127.0.0.1:9/"]);
    report.expect("outbound TLS", "failed", &["127.0.0.1"]);
    let report = Report::of(herald.command(), &["--url", "https://nothing.invalid/"]);
    let remedy = report.expect("DNS", "failed", &["nothing.invalid"]);
    assert!(remedy.contains("resolv.conf"), "{remedy}");
    let mut strict = herald.command();
    strict.env("HERALD_ALLOW_NETWORKS", "");
    let report = Report::of(strict, &["--url", &url]);
    report.expect("outbound TLS", "warning", &["localhost"]);
    drop(server);
    assert_eq!(fs::read_to_string(&log).unwrap(), "", "nothing may be sent");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_private_postgresql_that_does_not_run_is_not_started() {
    let mut herald = Herald::launch_private();
    Report::of(herald.command(), &[]).expect("database", "ok", &["PostgreSQL 15"]);
    herald.terminate();
    let report = Report::of(herald.command(), &[]);
    report.expect("database", "warning", &["does not run"]);
    let running = herald::postgres::PrivatePostgres::running(&herald.folder);
    assert!(running.is_none());
    herald.spawn();
    wait_for("the database again", || {
        let report = Report::of(herald.command(), &[]);
        (report.all("database")[0]["state"] == "ok").then_some(())
    });
}

#[test]
fn a_key_file_of_another_database_and_one_that_others_may_read_are_told() {
    let (mut herald, other) = (Herald::launch(), Herald::launch());
    let mut command = herald.command();
    command.env("HERALD_KEY_FILE", other.folder.join("key"));
    let report = Report::of(command, &[]);
    let remedy = report.expect(
        "key file",
        "failed",
        &["does not hold", "copy the key file"],
    );
    assert!(remedy.contains("belongs to this database"), "{remedy}");
    let key = herald.folder.join("key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    Report::of(herald.command(), &[]).expect("key file", "failed", &["chmod 600"]);
    // Without a running daemon just as well.
    herald.terminate();
    Report::of(herald.command(), &[]).expect("key file", "failed", &["chmod 600"]);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    Report::of(herald.command(), &[]).expect("key file", "ok", &["has the keys"]);
}

#[test]
fn every_address_that_herald_listens_on_is_looked_at() {
    let free = || TcpListener::bind("127.0.0.1:0").unwrap();
    let (pages, metrics) = (free(), free());
    let [pages, metrics] = [pages, metrics].map(|it| it.local_addr().unwrap().to_string());
    let herald = Herald::launch_with(&[
        ("HERALD_PAGES_LISTEN", &pages),
        ("HERALD_METRICS_LISTEN", &metrics),
    ]);
    let report = Report::of(herald.command(), &[]);
    let ports = report.all("port");
    assert_eq!(ports.len(), 3, "{ports:?}");
    for (setting, address) in [("(pages_listen)", &pages), ("(metrics_listen)", &metrics)] {
        let of_it = ports
            .iter()
            .find(|it| it["found"].to_string().contains(setting));
        let found = of_it.unwrap();
        assert_eq!(found["state"], "ok", "{found}");
        assert!(
            found["found"]
                .to_string()
                .contains(&format!("serves {address}")),
            "{found}"
        );
    }
}
