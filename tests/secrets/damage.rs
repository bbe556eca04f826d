//! Values that do not open: never an unsigned or a lost delivery, and the others go on.

use serde_json::json;

use super::{PATH, assert_signed, bump, deliver, key_of, secret_of, wait_sealed};
use crate::support::Herald;
use crate::support::api::{order, text};
use crate::support::scripted::Scripted;
use crate::support::wait_until;

/// Subscribes twice; answers the ids and the targets.
fn two(herald: &Herald) -> [(String, Scripted); 2] {
    [(); 2].map(|()| {
        let target = Scripted::answering(200, "");
        let more = json!({ "headers": { "x-api-key": "sesame" } });
        let url = format!("{}{PATH}", target.url);
        (herald.subscribe_with(&url, &["*"], &more), target)
    })
}

fn uuid_of(id: &str) -> String {
    let id: herald::domain::id::SubscriptionId = id.parse().unwrap();
    id.uuid().to_string()
}

#[test]
fn a_damaged_secret_header_or_url_holds_its_subscription_and_the_others_go_on() {
    for (table, column, by) in [
        ("subscription_secret", "sealed", "subscription_id"),
        ("subscription", "sealed_headers", "id"),
        ("subscription", "sealed_url", "id"),
    ] {
        let mut herald = Herald::launch();
        herald.run(&["user", "add", "ann@example.com", "--role", "admin"]);
        let [(bad, bad_target), (good, good_target)] = two(&herald);
        let good_secret = secret_of(&herald, &good);
        wait_sealed(&herald);
        let uuid = uuid_of(&bad);
        herald.sql(&format!(
            "update {table} set {column} = set_byte({column}, 30, 255 - get_byte({column}, 30)) \
             where {by} = '{uuid}'"
        ));
        bump(&herald);
        wait_until("it to be paused", || {
            let shown = herald.subscription(&bad);
            let reason = shown["disabled_reason"].as_str().unwrap_or_default();
            shown["state"] == "paused" && reason.contains("was damaged")
        });
        assert!(herald.log().contains("nothing is sent unsigned"));
        wait_until("its admin to be told", || {
            herald.count("select count(*) from mail where topic = 'Subscription Paused'") == 1
        });
        let before = bad_target.requests().len();
        let event = herald.publish_event(&order(1));
        herald.delivery_in("sent", &event, &good);
        herald.delivery_in("held", &event, &bad);
        assert_signed(&deliver(&herald, &good_target, &good), &good_secret);
        let told = herald
            .list("/v1/activities")
            .iter()
            .any(|it| it["subject"] == bad.as_str() && it.to_string().contains("was damaged"));
        assert!(told, "no activity of it");

        // A person who resumes it before it is mended, or tests it, sends nothing either.
        herald.switch(&bad, "resume");
        let test = format!("/v1/subscriptions/{bad}/test");
        herald
            .post(&test, &json!({ "event_type": "ORDER_CREATED" }))
            .expect(202);
        herald.terminate();
        herald.spawn();
        wait_until("it to be paused again", || {
            herald.subscription(&bad)["state"] == "paused"
        });
        assert_eq!(bad_target.requests().len(), before, "something was sent");
        assert_eq!(herald.audit()["difference"], 0);

        // It is mended as it was told, and nothing is lost.
        let path = format!("/v1/subscriptions/{bad}");
        if column == "sealed_url" {
            let shown = herald.subscription(&bad)["url"].clone();
            assert_eq!(shown, format!("{}•••", bad_target.url));
            let url = json!({ "url": format!("{}{PATH}", bad_target.url) });
            herald.patch(&path, &url).expect(200);
        } else if table == "subscription_secret" {
            let shown = herald.get(&format!("{path}/secret")).expect(409);
            assert!(
                shown.detail().contains("overlap_hours"),
                "{}",
                shown.detail()
            );
            let rotate = json!({ "overlap_hours": 0 });
            herald
                .post(&format!("{path}/secret/rotate"), &rotate)
                .expect(200);
        } else {
            let headers = json!({ "headers": { "x-api-key": "new" } });
            herald.patch(&path, &headers).expect(200);
        }
        herald.switch(&bad, "resume");
        herald.delivery_in("sent", &event, &bad);
        let secret = secret_of(&herald, &bad);
        let requests = bad_target.requests();
        assert_signed(requests.last().unwrap(), &secret);
        herald.settled();
    }
}

#[test]
fn a_url_whose_hidden_part_is_gone_is_held_and_keeps_no_rotation_from_its_end() {
    let herald = Herald::launch();
    let [(bad, bad_target), (good, _)] = two(&herald);
    wait_sealed(&herald);
    let uuid = uuid_of(&bad);
    herald.sql(&format!(
        "update subscription set sealed_url = null where id = '{uuid}'"
    ));
    bump(&herald);
    wait_until("it to be paused", || {
        herald.subscription(&bad)["state"] == "paused"
    });
    herald.run(&["rotate-key"]);
    let event = herald.publish_event(&order(1));
    herald.delivery_in("sent", &event, &good);
    herald.delivery_in("held", &event, &bad);
    let url = json!({ "url": format!("{}{PATH}", bad_target.url) });
    let path = format!("/v1/subscriptions/{bad}");
    herald.patch(&path, &url).expect(200);
    herald.switch(&bad, "resume");
    herald.delivery_in("sent", &event, &bad);
    herald.settled();
}

#[test]
fn a_sealed_url_leads_to_no_other_host_and_to_no_other_webhook() {
    let herald = Herald::launch();
    let [(one, one_target), (other, other_target)] = two(&herald);
    wait_sealed(&herald);
    // Whoever writes into the database leads no credential to a host of theirs.
    let elsewhere = Scripted::answering(200, "");
    let (one_uuid, other_uuid) = (uuid_of(&one), uuid_of(&other));
    herald.sql(&format!(
        "alter table subscription disable trigger plain_url_counts; \
         update subscription set url = '{}•••' where id = '{one_uuid}'; \
         update subscription set url = s.url, sealed_url = s.sealed_url from subscription s \
             where subscription.id = '{other_uuid}' and s.id = '{one_uuid}'; \
         alter table subscription enable trigger plain_url_counts",
        elsewhere.url
    ));
    bump(&herald);
    for id in [&one, &other] {
        wait_until("it to be paused", || {
            herald.subscription(id)["state"] == "paused"
        });
    }
    let event = herald.publish_event(&order(1));
    for id in [&one, &other] {
        herald.delivery_in("held", &event, id);
    }
    for target in [&one_target, &other_target, &elsewhere] {
        assert!(target.requests().is_empty());
    }
}

#[test]
fn a_value_whose_key_is_missing_is_held_and_goes_on_when_the_key_is_back() {
    let herald = Herald::launch();
    let [(bad, bad_target), (good, _)] = two(&herald);
    wait_sealed(&herald);
    let secret = secret_of(&herald, &bad);
    let uuid = uuid_of(&bad);
    let number = |from: u8, to: u8| {
        herald.sql(&format!(
            "update subscription_secret set sealed = set_byte(sealed, 0, {to}) \
             where subscription_id = '{uuid}' and get_byte(sealed, 0) = {from}"
        ));
        bump(&herald);
    };
    number(1, 9);
    wait_until("it to be told", || {
        herald
            .log()
            .contains("sealed with key 9, which the key file does not hold")
    });
    let event = herald.publish_event(&order(1));
    herald.delivery_in("sent", &event, &good);
    assert_eq!(herald.subscription(&bad)["state"], "enabled");
    assert!(bad_target.requests().is_empty());
    number(9, 1);
    herald.delivery_in("sent", &event, &bad);
    assert_signed(&bad_target.requests()[0], &secret);
    herald.settled();
}

#[test]
fn a_key_file_that_gets_lost_or_spoiled_while_the_daemon_runs_takes_no_key_away() {
    let herald = Herald::launch();
    let [(id, target), _] = two(&herald);
    wait_sealed(&herald);
    let (key, secret) = (key_of(&herald), secret_of(&herald, &id));
    let whole = std::fs::read_to_string(&key).unwrap();
    let numbered = |from: &str, to: &str| {
        let lines = whole.lines().map(|line| match line.strip_prefix(from) {
            Some(rest) => format!("{to}{rest}\n"),
            None => format!("{line}\n"),
        });
        lines.collect::<String>()
    };
    for (text, told) in [
        (None, "is gone: put its copy back"),
        (Some("spoiled\n".to_owned()), "is damaged: line 1"),
        (Some(numbered("1 ", "7 ")), "copy the key file of"),
    ] {
        std::fs::remove_file(&key).unwrap();
        if let Some(text) = text {
            // At once, as an editor does it.
            let draft = herald.folder.join("draft");
            std::fs::write(&draft, text).unwrap();
            crate::secrets::rights(&draft, 0o600);
            std::fs::rename(&draft, &key).unwrap();
        }
        wait_until(told, || herald.log().contains(told));
        assert_signed(&deliver(&herald, &target, &id), &secret);
        let rotate = format!("/v1/subscriptions/{id}/secret/rotate");
        let _ = text_of(&herald, &rotate);
        std::fs::write(&key, &whole).unwrap();
        crate::secrets::rights(&key, 0o600);
    }
    herald.settled();
}

fn text_of(herald: &Herald, path: &str) -> String {
    text(&herald.post(path, &json!({})).expect(200).json()["secret"])
}
