//! `herald rotate-key` beside running daemons.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use serde_json::json;

use super::{
    PATH, assert_signed, bump, deliver, key_of, keys_of_values, refused, rights, secret_of,
    wait_sealed,
};
use crate::support::Herald;
use crate::support::scripted::Scripted;
use crate::support::{self, wait_until};

fn numbers(path: &std::path::Path) -> Vec<u8> {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.split(' ').next().unwrap().parse().unwrap())
        .collect()
}

#[test]
fn everything_is_sealed_with_a_new_key_and_the_daemon_goes_on_without_a_restart() {
    let mut herald = Herald::launch();
    let target = Scripted::answering(200, "");
    let more = json!({ "headers": { "x-api-key": "sesame" } });
    let url = format!("{}{PATH}", target.url);
    let id = herald.subscribe_with(&url, &["*"], &more);
    wait_sealed(&herald);
    let secret = secret_of(&herald, &id);
    let key = key_of(&herald);
    rights(&key, 0o640);
    let before = fs::read_to_string(&key).unwrap();

    let told = herald.run(&["rotate-key"]);
    assert!(told.contains("Key 2"), "{told}");
    assert!(told.contains("3 were sealed again"), "{told}");
    assert_eq!(keys_of_values(&herald), "2");
    assert_eq!(numbers(&key), [2]);
    let after = fs::read_to_string(&key).unwrap();
    let old = before.lines().last().unwrap();
    assert!(!after.contains(old), "the old key is still there");
    let mode = fs::metadata(&key).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o640, "its rights were kept");
    assert_eq!(herald.sql("select id from seal_key").trim(), "2");
    assert_signed(&deliver(&herald, &target, &id), &secret);
    let other = herald.subscribe_with(&url, &["ORDER_PAID"], &more);
    let other_secret = secret_of(&herald, &other).reveal();
    assert_eq!(keys_of_values(&herald), "2");

    let told: serde_json::Value =
        serde_json::from_str(&herald.run(&["rotate-key", "--json"])).unwrap();
    assert_eq!(
        (&told["key"], &told["values"], &told["continued"]),
        (&json!(3), &json!(6), &json!(false))
    );
    herald.terminate();
    herald.spawn();
    assert_signed(&deliver(&herald, &target, &id), &secret);
    assert_eq!(secret_of(&herald, &other).reveal(), other_secret);

    // Without a daemon as well.
    herald.terminate();
    herald.run(&["rotate-key"]);
    assert_eq!(numbers(&key), [4]);
    herald.spawn();
    let request = deliver(&herald, &target, &id);
    assert_signed(&request, &secret);
    assert_eq!(request.path, format!("/{PATH}"));
    herald.settled();
}

#[test]
fn it_waits_for_a_daemon_that_has_a_file_of_its_own_until_that_is_copied() {
    let herald = Herald::launch();
    let folder = support::folder();
    let copy = folder.join("copy");
    fs::copy(key_of(&herald), &copy).unwrap();
    let other = Herald::launch_at(
        &herald.database_url,
        &[("HERALD_KEY_FILE", copy.to_str().unwrap())],
    );
    let target = Scripted::answering(200, "");
    let id = herald.subscribe(&target.url, &["*"]);
    wait_sealed(&herald);
    let secret = secret_of(&herald, &id);
    let mut rotate = herald
        .command()
        .arg("rotate-key")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(rotate.stderr.take().unwrap());
    let mut told = String::new();
    while !told.contains("waiting for 1 running daemon") {
        assert!(stderr.read_line(&mut told).unwrap() > 0, "it ended: {told}");
    }
    assert!(rotate.try_wait().unwrap().is_none());
    assert_eq!(
        keys_of_values(&herald),
        "1",
        "sealed before all know the key"
    );
    let mut second = herald.command();
    second.arg("rotate-key");
    let told = refused(second);
    assert!(told.contains("another `herald rotate-key` runs"), "{told}");
    // A daemon without the new key gets no lane meanwhile.
    let late = support::folder();
    fs::copy(&copy, late.join("key")).unwrap();
    let told = refused(crate::secrets::serve_beside(&herald, &late));
    assert!(told.contains("key 2"), "{told}");

    fs::copy(key_of(&herald), &copy).unwrap();
    let status = support::wait_for("the command's end", || rotate.try_wait().unwrap());
    assert!(status.success());
    assert_eq!(keys_of_values(&herald), "2");
    for daemon in [&herald, &other] {
        assert_signed(&deliver(daemon, &target, &id), &secret);
        assert_eq!(secret_of(daemon, &id).reveal(), secret.reveal());
    }
    for folder in [folder, late] {
        fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn a_file_that_cannot_be_changed_is_told_with_what_to_do_and_nothing_is_changed() {
    // No file can be made beside one whose name is as long as names may be.
    let folder = support::folder();
    let key = folder.join("k".repeat(250));
    let database = support::cluster::Cluster::shared().database();
    fs::write(&key, one_key()).unwrap();
    rights(&key, 0o400);
    let herald = Herald::launch_at(&database, &[("HERALD_KEY_FILE", key.to_str().unwrap())]);
    herald.subscribe("http://127.0.0.1:9/", &["*"]);
    wait_sealed(&herald);
    let mut rotate = herald.command();
    rotate.arg("rotate-key");
    let told = refused(rotate);
    for words in [
        "cannot be changed",
        "HERALD_KEY_FILE=/etc/herald/credentials/herald.key herald rotate-key",
        "systemctl restart herald",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert_eq!(fs::read_to_string(&key).unwrap(), one_key());
    assert_eq!(herald.sql("select id from seal_key").trim(), "1");
    fs::remove_dir_all(folder).unwrap();
}

fn one_key() -> String {
    format!("1 {}=\n", "A".repeat(43))
}

#[test]
fn a_damaged_value_keeps_the_old_key_until_it_is_mended() {
    let herald = Herald::launch();
    let target = Scripted::answering(200, "");
    let (bad, good) = (
        herald.subscribe(&target.url, &["ORDER_CREATED"]),
        herald.subscribe(&target.url, &["ORDER_CREATED"]),
    );
    let removed = herald.subscribe(&target.url, &["ORDER_PAID"]);
    herald
        .delete(&format!("/v1/subscriptions/{removed}"))
        .expect(204);
    wait_sealed(&herald);
    let secret = secret_of(&herald, &good);
    let uuids = [&bad, &removed].map(|id| {
        let id: herald::domain::id::SubscriptionId = id.parse().unwrap();
        format!("'{}'", id.uuid())
    });
    herald.sql(&format!(
        "update subscription_secret set sealed = set_byte(sealed, 30, 255 - get_byte(sealed, 30)) \
         where subscription_id in ({})",
        uuids.join(", ")
    ));
    bump(&herald);
    let rotate = || {
        let mut rotate = herald.command();
        rotate.arg("rotate-key");
        rotate
    };
    let told = refused(rotate());
    assert!(told.contains(&bad) && told.contains("1 value(s)"), "{told}");
    assert!(!told.contains(&removed), "{told}");
    assert_eq!(numbers(&key_of(&herald)), [1, 2]);
    wait_until("it to be paused", || {
        herald.subscription(&bad)["state"] == "paused"
    });
    assert_signed(&deliver(&herald, &target, &good), &secret);
    let mend = json!({ "overlap_hours": 0 });
    herald
        .post(&format!("/v1/subscriptions/{bad}/secret/rotate"), &mend)
        .expect(200);
    let output = rotate().output().unwrap();
    assert!(output.status.success());
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("going on with key 2"), "{told}");
    assert_eq!(numbers(&key_of(&herald)), [2]);
    assert_eq!(keys_of_values(&herald), "2");
}
