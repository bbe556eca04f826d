//! URLs whose path is a credential, as pages show them.

use crate::page_http::deliveries::page;
use crate::page_http::webhooks::{fields, html};
use crate::support::Herald;
use crate::support::api::{order, text};
use crate::support::browser::signed_in;
use crate::support::scripted::{Scripted, answer};

const TOKEN: &str = "XyZ123XyZ123XyZ123XyZ123";

#[test]
fn viewers_see_no_path_of_a_url_and_admins_change_it_as_a_whole() {
    let herald = Herald::launch();
    let ann = signed_in(&herald, "ann@example.com", "admin", "main");
    let bob = signed_in(&herald, "bob@example.com", "viewer", "main");
    let target = Scripted::start(|request, stream| {
        let body = format!("Cannot POST {}", request.path);
        answer(stream, 404, "", body.as_bytes())
    });
    let url = format!("{}services/{TOKEN}", target.url);
    let id = herald.subscribe(&url, &["*"]);
    let event = herald.publish_event(&order(1));
    herald.delivery_in("retrying", &event, &id);
    let delivery = format!("/deliveries/{event}/{id}");
    let activities = herald.list("/v1/activities?group=Herald&activity=Subscription%20Created");
    let activity = format!("/activity/{}", text(&activities[0]["id"]));
    for path in [
        "/webhooks",
        "/webhooks?view=list",
        &format!("/webhooks/{id}"),
        &delivery,
    ] {
        assert!(page(&ann, path).contains("services/"), "{path}");
        let seen = page(&bob, path);
        assert!(
            // What the target repeats of its path may have the parts that are no secret.
            seen.contains("•••")
                && !seen.contains(TOKEN)
                && (path == delivery || !seen.contains("services/")),
            "{path}: {seen}"
        );
    }
    for path in [
        "/",
        "/deliveries",
        "/activity",
        &activity,
        &format!("/events/{event}"),
    ] {
        for browser in [&ann, &bob] {
            assert!(!page(browser, path).contains(TOKEN), "{path}");
        }
    }
    let command = format!("curl --globoff --request POST '{url}'");
    assert!(page(&ann, &delivery).contains(&command));

    // The form has all of it; what is shown to others is not taken for it.
    let edit = format!("/webhooks/{id}/edit");
    let form = fields(&page(&ann, &edit));
    assert!(form.contains(&("url".to_owned(), url.clone())), "{form:?}");
    let masked = format!("{}•••", target.url);
    let changed: Vec<(&str, &str)> = form
        .iter()
        .map(|(name, value)| {
            (
                name.as_str(),
                if name == "url" {
                    &masked
                } else {
                    value.as_str()
                },
            )
        })
        .collect();
    let refused = html(ann.submit(&edit, &changed).expect(422));
    assert!(refused.contains("give the whole URL"), "{refused}");
    assert_eq!(herald.subscription(&id)["url"], url.as_str());
}
