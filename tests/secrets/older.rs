//! Beside daemons of older versions: the first knew nothing of sealing, so its lane has no keys; the
//! next sealed secrets and headers alone, and stated no feature level. Their statements are made by
//! SQL here.

use serde_json::json;

use super::{PATH, PLAIN, assert_signed, bump, deliver, refused, secret_of, wait_sealed};
use crate::support::cluster::Cluster;
use crate::support::scripted::Scripted;
use crate::support::{Herald, OLDER_LANE, psql, wait_until};

/// A lane of code that seals secrets and headers and knows nothing of feature levels.
const SEALING_LANE: &str = "insert into lane (folder, lease_until, low_water, seal_keys) \
     select gen_random_uuid(), now() + interval '1 hour', '00000000-0000-0000-0000-000000000000', \
         array(select fingerprint from seal_key)";

/// Why the database gives no such lane.
fn refused_lane(database: &str, lane: &str) -> String {
    let psql = std::process::Command::new("psql")
        .args(["-X", "-q", "-d", database, "-c", lane])
        .output()
        .unwrap();
    assert!(!psql.status.success());
    String::from_utf8(psql.stderr).unwrap()
}

#[test]
fn what_the_data_needs_rises_when_the_last_daemon_of_a_version_ends_and_never_falls() {
    let database = Cluster::shared().database();
    psql(&database, OLDER_LANE);
    psql(&database, SEALING_LANE);
    let herald = Herald::launch_at(&database, &[]);
    let needed = || herald.count("select needed from feature_level");
    let target = Scripted::answering(200, "");
    let url = format!("{}{PATH}", target.url);
    let id = herald.subscribe(&url, &["*"]);
    let stored = || herald.sql("select url from subscription").trim().to_owned();
    wait_until("it to be told", || {
        herald.log().contains("secrets stay in plain while")
    });
    assert_eq!(needed(), 0);
    herald.sql("update lane set closed_at = now() where feature_level = 0");
    wait_until("secrets to be sealed", || needed() == 1);
    let secrets = "select count(*) from subscription_secret where sealed is null";
    wait_until("the secret to be sealed", || herald.count(secrets) == 0);
    assert_eq!(stored(), url, "the older one reads it");
    assert_eq!(deliver(&herald, &target, &id).path, format!("/{PATH}"));
    let told = refused_lane(&database, OLDER_LANE);
    assert!(told.contains("too old to open"), "{told}");
    psql(&database, SEALING_LANE);
    herald.sql("update lane set closed_at = now() where feature_level = 1");
    wait_until("the level of this version", || needed() == 3);
    wait_sealed(&herald);
    assert_eq!(stored(), format!("{}•••", target.url));
    assert_eq!(deliver(&herald, &target, &id).path, format!("/{PATH}"));
    for lane in [OLDER_LANE, SEALING_LANE] {
        let refused = refused_lane(&database, lane);
        assert!(refused.contains("feature level 3 is needed"), "{refused}");
    }
}

#[test]
fn nothing_is_sealed_while_an_older_daemon_lives_and_none_is_let_in_afterwards() {
    let database = Cluster::shared().database();
    psql(&database, OLDER_LANE);
    let herald = Herald::launch_at(&database, &[]);
    let target = Scripted::answering(200, "");
    let more = json!({ "headers": { "x-api-key": "open sesame" } });
    let id = herald.subscribe_with(&target.url, &["*"], &more);
    let secret = secret_of(&herald, &id);
    assert_signed(&deliver(&herald, &target, &id), &secret);
    wait_until("it to be told", || {
        herald.log().contains("secrets stay in plain while")
    });
    assert_eq!(herald.count(PLAIN), 2, "the older one reads both");
    let none_sealed = "select (select count(*) from subscription_secret where sealed is not null) \
         + (select count(*) from subscription where sealed_headers is not null)";
    assert_eq!(herald.count(none_sealed), 0);
    let told = {
        let mut rotate = herald.command();
        rotate.arg("rotate-key");
        refused(rotate)
    };
    assert!(told.contains("a daemon of an older version"), "{told}");

    // It ends: its lane is closed.
    herald.sql("update lane set closed_at = now() where seal_keys is null");
    wait_sealed(&herald);
    assert_signed(&deliver(&herald, &target, &id), &secret);
    assert_eq!(secret_of(&herald, &id).reveal(), secret.reveal());

    // From now on an older one gets no lane.
    let told = refused_lane(&database, OLDER_LANE);
    assert!(told.contains("too old to open"), "{told}");
}

#[test]
fn what_an_older_daemon_wrote_in_plain_counts_and_is_sealed() {
    let herald = Herald::launch();
    let target = Scripted::answering(200, "");
    let more = json!({ "headers": { "x-api-key": "before" } });
    let id = herald.subscribe_with(&target.url, &["*"], &more);
    wait_sealed(&herald);
    herald.sql(&format!(
        "update subscription set url = '{}{PATH}'",
        target.url
    ));
    herald.sql(r#"update subscription set headers = '{"x-api-key": "after"}'"#);
    herald.sql("update subscription_secret set key = sha256('by the older one'), sealed = null");
    bump(&herald);
    wait_until("what it wrote", || {
        let request = deliver(&herald, &target, &id);
        request.headers["x-api-key"] == "after" && request.path == format!("/{PATH}")
    });
    wait_sealed(&herald);
    let secret = secret_of(&herald, &id);
    assert_signed(&deliver(&herald, &target, &id), &secret);
    let shown = herald.subscription(&id);
    assert_eq!(shown["headers"], json!({ "x-api-key": "after" }));
    assert_eq!(shown["url"], format!("{}{PATH}", target.url));

    // Its change of a sealed URL counts as well, also when it leads to the same host.
    herald.sql(&format!(
        "update subscription set url = '{}another/{PATH}'",
        target.url
    ));
    bump(&herald);
    wait_until("what it wrote", || {
        deliver(&herald, &target, &id).path == format!("/another/{PATH}")
    });
    wait_sealed(&herald);
    let stored = herald.sql("select url from subscription");
    assert_eq!(stored.trim(), format!("{}•••", target.url));
}

#[test]
fn an_older_rotation_of_the_key_forgets_no_key_that_urls_are_sealed_with() {
    let herald = Herald::launch();
    let target = Scripted::answering(200, "");
    let url = format!("{}{PATH}", target.url);
    let id = herald.subscribe(&url, &["*"]);
    wait_sealed(&herald);
    // It would get here after it sealed secrets and headers again.
    let psql = std::process::Command::new("psql")
        .args(["-X", "-q", "-d", &herald.database_url, "-c"])
        .arg("update seal set current = null; delete from seal_key")
        .output()
        .unwrap();
    let told = String::from_utf8(psql.stderr).unwrap();
    assert!(
        told.contains("URLs of webhooks are sealed with key 1"),
        "{told}"
    );
    herald.run(&["rotate-key"]);
    assert_eq!(herald.sql("select id from seal_key").trim(), "2");
    assert_eq!(deliver(&herald, &target, &id).path, format!("/{PATH}"));
}

/// The way back of sealing, and of what was built on it: the newest first.
const DOWN: &[(&str, &str)] = &[
    (
        "20261129000002",
        include_str!("../../migrations/2026-11-29-000002_sealed_urls/down.sql"),
    ),
    (
        "20261129000000",
        include_str!("../../migrations/2026-11-29-000000_feature_level/down.sql"),
    ),
    (
        "20261122000010",
        include_str!("../../migrations/2026-11-22-000010_seal/down.sql"),
    ),
];

#[test]
fn the_way_back_disables_what_the_code_before_could_not_sign() {
    let mut herald = Herald::launch();
    let target = Scripted::answering(200, "");
    let id = herald.subscribe(&format!("{}{PATH}", target.url), &["*"]);
    wait_sealed(&herald);
    herald.terminate();
    for (version, down) in DOWN {
        psql(&herald.database_url, &format!("begin; {down}; commit"));
        let forget = format!("delete from __diesel_schema_migrations where version = '{version}'");
        psql(&herald.database_url, &forget);
    }
    let state = "select state, disabled_reason like 'Its secrets were sealed%' from subscription";
    assert_eq!(herald.sql(state).trim(), "disabled|t");
    let url = "select url from subscription";
    assert_eq!(herald.sql(url).trim(), target.url);
    let secrets = "select count(*), min(octet_length(key)) from subscription_secret";
    assert_eq!(herald.sql(secrets).trim(), "1|32");

    // And forth again: the daemon goes on with the key file that it has.
    let mut applied: Vec<String> = DOWN.iter().map(|it| format!("applied {}", it.0)).collect();
    applied.reverse();
    assert_eq!(herald.run(&["migrate"]).trim(), applied.join("\n"));
    herald.spawn();
    herald.switch(&id, "enable");
    wait_sealed(&herald);
    let secret = secret_of(&herald, &id);
    assert_signed(&deliver(&herald, &target, &id), &secret);
}
