//! Secrets sealed at rest: the key file, first starts, upgrades beside older daemons, damage, and
//! the rotation of keys, by the real daemon and the real command.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test ends at the first surprise"
)]

mod damage;
mod interrupted;
mod key_file;
mod older;
mod rotation;
mod sealing;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::Herald;
use crate::support::api::{order, text};
use crate::support::cluster::Cluster;
use crate::support::scripted::{Request, Scripted};
use herald::domain::secret::Secret;
use herald::domain::signature::verify;

/// Values that stand readable in the database.
const PLAIN: &str = "select (select count(*) from subscription_secret where key is not null) \
     + (select count(*) from subscription where headers <> '{}') \
     + (select count(*) from subscription where sealed_url is null and url ~ '^https?://[^/]+/.')";

/// A path such as chat services want.
const PATH: &str = "services/T0000/B0000/XyZ123XyZ123XyZ123XyZ123";

/// Waits until nothing stands readable in the database.
fn wait_sealed(herald: &Herald) {
    crate::support::wait_until("everything to be sealed", || herald.count(PLAIN) == 0);
}

/// The numbers of the keys that values are sealed with.
fn keys_of_values(herald: &Herald) -> String {
    let numbers = herald.sql(
        "select string_agg(distinct number::text, ',') from ( \
             select get_byte(sealed, 0) as number from subscription_secret \
             union select get_byte(sealed_headers, 0) from subscription \
             union select get_byte(sealed_url, 0) from subscription) values",
    );
    numbers.trim().to_owned()
}

fn secret_of(herald: &Herald, id: &str) -> Secret {
    let shown = herald.get(&format!("/v1/subscriptions/{id}/secret"));
    Secret::parse(&text(&shown.expect(200).json()["secret"])).unwrap()
}

/// Publishes an event and answers the request that came of it.
fn deliver(herald: &Herald, target: &Scripted, id: &str) -> Request {
    let event = herald.publish_event(&order(1));
    herald.delivery_in("sent", &event, id);
    let requests = target.requests();
    let mut of_it = requests.into_iter().filter(|request| request.id() == event);
    of_it.next().expect("it was received")
}

#[track_caller]
fn assert_signed(request: &Request, secret: &Secret) {
    let stamp = &request.headers["webhook-timestamp"];
    let verified = verify(
        std::slice::from_ref(secret),
        request.id(),
        stamp,
        &request.headers["webhook-signature"],
        &request.body,
        stamp.parse().unwrap(),
        300,
    );
    assert!(verified.is_ok(), "{verified:?}");
}

/// Daemons see changes that a test made by SQL.
fn bump(herald: &Herald) {
    // In one transaction, as Herald does it.
    herald.sql(
        "update routing set version = version + 1; \
         update subscription set version = (select version from routing)",
    );
}

/// A command that must fail: what it wrote to standard error.
fn refused(mut command: Command) -> String {
    let output = command.output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    told
}

/// `herald serve` on the database of another, in a folder of its own.
fn serve_beside(herald: &Herald, folder: &Path) -> Command {
    let mut command = herald.command();
    command
        .arg("serve")
        .env("HERALD_DATA_DIR", folder)
        .env("HERALD_LISTEN", "127.0.0.1:0");
    command
}

fn key_of(herald: &Herald) -> PathBuf {
    herald.folder.join("key")
}

fn rights(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A database and a folder of a test's own.
fn stage() -> (String, PathBuf) {
    (Cluster::shared().database(), crate::support::folder())
}
