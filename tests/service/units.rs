//! The units in `systemd/`, judged by systemd's own tools and held to what they promise.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd")
}

fn unit(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap()
}

/// The values of a key, in their order.
fn values<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
    unit.lines()
        .filter_map(|line| line.strip_prefix(key)?.strip_prefix('='))
        .collect()
}

/// What counts in a unit, without its comments.
fn lines(unit: &str) -> BTreeSet<&str> {
    let counts = |line: &&str| !line.is_empty() && !line.starts_with('#');
    unit.lines().filter(counts).collect()
}

/// Copies of the units whose program is one that is here.
fn installed() -> TempDir {
    let copies = TempDir::new().unwrap();
    for name in [
        "herald.service",
        "herald.socket",
        "herald@.service",
        "herald@.socket",
    ] {
        let text = unit(name).replace("/usr/bin/herald", env!("CARGO_BIN_EXE_herald"));
        fs::write(copies.path().join(name), text).unwrap();
    }
    copies
}

fn analyze(copies: &TempDir, arguments: &[&str]) -> String {
    let output = Command::new("systemd-analyze")
        .args(arguments)
        .current_dir(copies.path())
        .env("SYSTEMD_UNIT_PATH", format!("{}:", copies.path().display()))
        .output()
        .expect("systemd-analyze is installed");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert!(output.status.success(), "{arguments:?}: {said}");
    said
}

#[test]
fn systemd_finds_no_fault_in_the_units() {
    let copies = installed();
    for name in [
        "herald.service",
        "herald.socket",
        "herald@8081.service",
        "herald@8081.socket",
    ] {
        let said = analyze(&copies, &["verify", &format!("./{name}")]);
        assert_eq!(said, "", "{name}");
    }
}

#[test]
fn the_services_are_exposed_by_at_most_one_and_a_half() {
    let copies = installed();
    for name in ["herald.service", "herald@.service"] {
        let file = format!("./{name}");
        // Fails above the threshold, in tenths.
        let said = analyze(
            &copies,
            &["security", "--offline=true", "--threshold=15", &file],
        );
        println!("{}", said.lines().last().unwrap());
    }
}

#[test]
fn the_second_daemon_s_service_is_the_first_one_s_but_for_its_name() {
    let (one, other) = (unit("herald.service"), unit("herald@.service"));
    let renamed = one
        .replace("herald.socket", "herald@%i.socket")
        .replace("Description=Herald,", "Description=Herald on port %i,")
        .replace("StateDirectory=herald", "StateDirectory=herald-%i")
        .replace("/var/lib/herald", "/var/lib/herald-%i");
    let mut expected = lines(&renamed);
    expected.insert("EnvironmentFile=/etc/herald/%i.env");
    assert_eq!(lines(&other), expected);
    assert_eq!(
        values(&unit("herald@.socket"), "ListenStream"),
        ["127.0.0.1:%i"]
    );
}

#[test]
fn a_faulty_file_fails_the_reload_before_the_daemon_hears_of_it() {
    assert_eq!(
        values(&unit("herald.service"), "ExecReload"),
        [
            "/usr/bin/herald check-config --quiet",
            r#"/bin/sh -c 'kill -HUP "$MAINPID"'"#
        ]
    );
}

#[test]
fn systemd_waits_for_longer_than_a_stop_may_take() {
    let unit = unit("herald.service");
    let drain = herald::config::describe().find(|it| it.key == "drain_seconds");
    let drain: u64 = drain.unwrap().default.parse().unwrap();
    let bound: u64 = values(&unit, "TimeoutStopSec")[0].parse().unwrap();
    // The drain, then HTTP, the last writing, and the private PostgreSQL.
    assert!(bound > drain + 3 + 10 + 40, "{bound}");
}

#[test]
fn metadata_services_are_out_of_reach() {
    let unit = unit("herald.service");
    let denied = values(&unit, "IPAddressDeny").join(" ");
    for address in [
        "169.254.169.254",
        "fd00:ec2::254",
        "168.63.129.16",
        "100.100.100.200",
    ] {
        assert!(denied.split(' ').any(|it| it == address), "{address}");
    }
}
