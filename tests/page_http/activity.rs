//! The pages of the user activity log.

use serde_json::json;

use crate::page_http::desk::{link, list, page, submit};
use crate::support::browser::signed_in;
use crate::support::tenant::Tenant;

const MARKUP: &str = "<img src=x onerror=alert(1)>";

fn record(tenant: &Tenant, user: &str, group: &str, activity: &str) {
    let body = json!({
        "user": user, "group": group, "activity": activity, "payload": { "note": MARKUP },
    });
    tenant.publisher.post("/v1/activities", &body).expect(201);
}

#[test]
fn an_activity_is_found_by_a_part_of_an_e_mail_by_kind_and_by_day() {
    let tenant = Tenant::new();
    record(&tenant, "ann@shop.example", "Order", "Bulk Submit");
    record(&tenant, "bob@shop.example", "Order", "Submit");
    record(&tenant, "bob@shop.example", "Mockup", "Studio Create");
    let herald = tenant.daemon.herald();
    let email = format!("viewer@activity-{}.example", tenant.name);
    let browser = signed_in(herald, &email, "viewer", &tenant.name);
    let all = page(&browser, "/activity");
    for group in ["Order", "Product", "Profile", "Mockup", "Herald"] {
        assert!(
            all.contains(&format!("<optgroup label=\"{group}\">")),
            "{group}"
        );
    }
    assert!(
        all.contains("All of Order") && all.contains("Order Bulk Submit"),
        "{all}"
    );

    let found = list(&browser, "/activity?user=ANN%40shop");
    assert!(
        found.contains("ann@shop.example") && !found.contains("bob@"),
        "{found}"
    );
    let found = list(&browser, "/activity?activity=Order.Bulk+Submit");
    assert!(found.contains("ann@") && !found.contains("bob@"), "{found}");
    let found = list(&browser, "/activity?activity=Order.*");
    assert!(found.contains("ann@") && found.contains("bob@"), "{found}");
    assert!(!found.contains("Mockup Studio Create"), "{found}");
    let today = herald
        .sql("select (now() at time zone 'utc')::date")
        .trim()
        .to_owned();
    let found = list(
        &browser,
        &format!("/activity?from={today}&to={today}&user=bob"),
    );
    assert!(
        found.contains("Order Submit") && found.contains("Mockup Studio Create"),
        "{found}"
    );
    let found = list(&browser, "/activity?to=2020-01-01");
    assert!(found.contains("Clear the filters"), "{found}");

    let counts = page(&browser, "/activity/summary?group=Order");
    assert!(
        counts.contains("ann@shop.example") && !counts.contains(">Mockup</td>"),
        "{counts}"
    );
}

#[test]
fn an_activity_shows_its_payload_as_text_to_its_own_account_alone() {
    let tenant = Tenant::new();
    record(&tenant, "ann@shop.example", "Order", "Submit");
    let herald = tenant.daemon.herald();
    let email = format!("one@activity-{}.example", tenant.name);
    let browser = signed_in(herald, &email, "viewer", &tenant.name);
    let path = link(
        &list(&browser, "/activity?user=ann%40shop"),
        "/activity/act_",
    );
    let shown = page(&browser, &path);
    assert!(
        shown.contains("&lt;img src=x onerror=alert(1)&gt;"),
        "{shown}"
    );
    assert!(!shown.contains(MARKUP), "{shown}");

    let other = Tenant::new();
    let email = format!("other@activity-{}.example", other.name);
    let stranger = signed_in(herald, &email, "admin", &other.name);
    stranger.page(&path).expect(404);
    browser
        .page("/activity/act_00000000000000000000000000")
        .expect(404);
    browser.page("/activity/nonsense").expect(404);
}

#[test]
fn herald_s_own_activities_lead_to_the_thing_and_tell_what_changed() {
    let tenant = Tenant::new();
    let id = tenant.subscribe("https://example.com/", &["*"]);
    tenant
        .admin
        .patch(
            &format!("/v1/subscriptions/{id}"),
            &json!({"title": "Shop & <b>"}),
        )
        .expect(200);
    let herald = tenant.daemon.herald();
    let email = format!("admin@activity-{}.example", tenant.name);
    let browser = signed_in(herald, &email, "admin", &tenant.name);
    submit(
        &browser,
        "/settings/tokens",
        &[("title", "CI"), ("role", "viewer")],
    )
    .expect(303);
    let found = list(&browser, "/activity?activity=Herald.*");
    assert!(
        found.contains("Webhook Changed") && !found.contains("Subscription"),
        "{found}"
    );
    assert!(
        found.contains(&format!("href=\"/webhooks/{id}\"")),
        "{found}"
    );
    assert!(found.contains("Shop &amp; &lt;b&gt;"), "{found}");
    link(&found, "/settings/tokens/tok_");
    link(&found, "/settings/users/usr_");
    let changed = list(&browser, "/activity?activity=Herald.Subscription+Changed");
    let shown = page(&browser, &link(&changed, "/activity/act_"));
    assert!(
        shown.contains("What changed") && shown.contains("A test"),
        "{shown}"
    );
}
