//! URLs whose path is a credential: who sees it, and where it must not stand.

use serde_json::json;

use crate::support::api::{order, text};
use crate::support::client::{Answer, Client};
use crate::support::scripted::{Scripted, answer};
use crate::support::{Herald, wait_until};

const TOKEN: &str = "XyZ123XyZ123XyZ123XyZ123";

fn viewer(herald: &Herald) -> Client {
    Client {
        token: Some(herald.token("viewer")),
        ..herald.client.clone()
    }
}

/// A webhook of a chat service, and its whole URL.
fn chat(herald: &Herald, target: &Scripted) -> (String, String) {
    let url = format!("{}services/T0000/B0000/{TOKEN}", target.url);
    (herald.subscribe(&url, &["*"]), url)
}

#[track_caller]
fn url_of(client: &Client, id: &str) -> String {
    text(&client.subscription(id)["url"])
}

#[test]
fn admins_see_the_whole_url_and_viewers_scheme_host_and_port() {
    let herald = Herald::launch();
    let viewer = viewer(&herald);
    let target = Scripted::answering(200, "");
    let (id, url) = chat(&herald, &target);
    let masked = format!("{}•••", target.url);
    let event = herald.publish_event(&order(1));
    herald.delivery_in("sent", &event, &id);
    for (client, seen) in [(&herald.client, &url), (&viewer, &masked)] {
        assert_eq!(&url_of(client, &id), seen);
        let list = client.list("/v1/subscriptions");
        assert_eq!(list[0]["url"], seen.as_str());
        let delivery = client.delivery(&event, &id);
        assert_eq!(delivery["request"]["url"], seen.as_str());
    }
    // The same once it is sealed.
    let sealed = "select count(*) from subscription where sealed_url is not null";
    wait_until("it to be sealed", || herald.count(sealed) == 1);
    assert_eq!(url_of(&herald, &id), url);
    assert_eq!(url_of(&viewer, &id), masked);

    // Nothing that a viewer can ask for holds it.
    for path in [
        "/v1/subscriptions".to_owned(),
        format!("/v1/subscriptions/{id}"),
        "/v1/deliveries".to_owned(),
        format!("/v1/deliveries/{event}/{id}"),
        "/v1/events".to_owned(),
        format!("/v1/events/{event}"),
        "/v1/activities".to_owned(),
        "/v1/plugins".to_owned(),
        "/metrics".to_owned(),
    ] {
        let body = String::from_utf8(viewer.get(&path).expect(200).body).unwrap();
        assert!(
            !body.contains(TOKEN) && !body.contains("/services"),
            "{path}: {body}"
        );
    }
    // Without path and query there is nothing to hide; addresses of mails are no credentials.
    let root = herald.subscribe(&target.url, &["NEVER"]);
    assert_eq!(url_of(&viewer, &root), target.url);
    let mail = herald.subscribe("mailto:ann@example.com", &["NEVER"]);
    assert_eq!(url_of(&viewer, &mail), "mailto:ann@example.com");
    let query = format!("{}?token={TOKEN}", target.url);
    let query = herald.subscribe(&query, &["NEVER"]);
    assert_eq!(url_of(&viewer, &query), masked);
}

#[test]
fn the_search_covers_titles_and_hosts_and_no_path() {
    let herald = Herald::launch();
    let target = Scripted::answering(200, "");
    let (id, _) = chat(&herald, &target);
    let mail = herald.subscribe("mailto:ann@example.com", &["*"]);
    let found = |part: &str| -> Vec<String> {
        let list = herald.list(&format!("/v1/subscriptions?q={part}"));
        list.iter().map(|it| text(&it["id"])).collect()
    };
    let port = target.url.trim_end_matches('/').rsplit(':').next().unwrap();
    for sealed in [false, true] {
        if sealed {
            let sealed = "select count(*) from subscription where sealed_url is not null";
            wait_until("it to be sealed", || herald.count(sealed) == 1);
        }
        assert_eq!(found("127.0.0.1"), std::slice::from_ref(&id));
        assert_eq!(found(port), std::slice::from_ref(&id));
        assert_eq!(found("ann@example"), std::slice::from_ref(&mail));
        for hidden in ["services", "XyZ123", "%E2%80%A2", "http"] {
            assert_eq!(found(hidden), [] as [String; 0], "{hidden}");
        }
    }
}

#[test]
fn a_masked_url_that_is_sent_back_is_refused_and_nothing_is_changed() {
    let herald = Herald::launch();
    let target = Scripted::answering(200, "");
    let (id, url) = chat(&herald, &target);
    let path = format!("/v1/subscriptions/{id}");
    let refused = |answer: Answer| {
        let answer = answer.expect(422);
        assert_eq!(answer.pointers(), ["/url"]);
        assert!(
            answer.detail().contains("give the whole URL"),
            "{}",
            answer.detail()
        );
    };
    for masked in [
        "•••",
        "%E2%80%A2%E2%80%A2%E2%80%A2",
        "%e2%80%a2%e2%80%a2%e2%80%a2",
        "••• (changed)",
    ] {
        let masked = format!("{}{masked}", target.url);
        let masked = masked.replace(' ', "%20");
        refused(herald.patch(&path, &json!({ "url": masked })));
        let new = json!({ "title": "x", "url": masked, "triggers": ["*"] });
        refused(herald.post("/v1/subscriptions", &new));
    }
    assert_eq!(url_of(&herald, &id), url);
    // What is left out stays.
    let changed = herald
        .patch(&path, &json!({ "title": "Another" }))
        .expect(200);
    assert_eq!(changed.json()["url"], url.as_str());
    let event = herald.publish_event(&order(1));
    herald.delivery_in("sent", &event, &id);
    assert!(target.requests()[0].path.ends_with(TOKEN));
}

#[test]
fn what_a_target_repeats_of_its_url_is_hidden_in_the_log() {
    let herald = Herald::launch_with(&[("HERALD_LOG", "trace")]);
    let viewer = viewer(&herald);
    let target = Scripted::start(|request, stream| {
        let head = format!("location: http://example.com{}/\r\n", request.path);
        let body = format!("Cannot POST {}", request.path);
        answer(stream, 404, &head, body.as_bytes())
    });
    let (id, _) = chat(&herald, &target);
    let event = herald.publish_event(&order(1));
    let delivery = herald.delivery_in("retrying", &event, &id);
    let response = &delivery["attempts"][0]["response"];
    assert_eq!(response["body"], "Cannot POST /services/T0000/B0000/•••");
    assert!(
        response["headers"]
            .to_string()
            .contains("/services/T0000/B0000/•••/")
    );
    let stored = herald.sql("select detail from attempt");
    assert!(!stored.contains(TOKEN), "{stored}");
    let log = herald.log();
    assert!(!log.contains(TOKEN), "{log}");

    // What older code kept is hidden from viewers.
    herald.sql(&format!(
        "update attempt set detail = replace(detail, '•••', '{TOKEN}')"
    ));
    let seen = viewer.delivery(&event, &id).to_string();
    assert!(!seen.contains(TOKEN), "{seen}");
}
