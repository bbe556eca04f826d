//! Filters, pages and counts.

use chrono::{Duration, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::{find, record};
use crate::support::api::text;
use crate::support::tenant::Tenant;

/// So many hours ago, as a query has it.
fn ago(hours: i64) -> String {
    (Utc::now() - Duration::hours(hours)).to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn fill(tenant: &Tenant) {
    for (user, group, activity, hours) in [
        ("Ann.Lee@example.com", "Order", "Submit", 1),
        ("bob@example.com", "Order", "Submit", 2),
        ("Ann.Lee@example.com", "Order", "Review", 3),
        ("bob@example.com", "Product", "Edit", 30),
        ("Ann.Lee@example.com", "Product", "Delete", 200),
    ] {
        let body = json!({
            "user": user, "group": group, "activity": activity, "at": ago(hours),
            "payload": {"hours": hours},
        });
        record(&tenant.publisher, &body);
    }
}

fn hours(found: &[Value]) -> Vec<i64> {
    let hours = found.iter().filter(|it| it["group"] != "Herald");
    hours
        .map(|it| it["payload"]["hours"].as_i64().unwrap())
        .collect()
}

#[test]
fn activities_are_found_by_a_part_of_the_user_by_group_and_activity_and_by_date() {
    let tenant = Tenant::new();
    fill(&tenant);
    for (query, wanted) in [
        (String::new(), &[1_i64, 2, 3, 30, 200][..]),
        ("user=ann.lee".to_owned(), &[1, 3, 200]),
        ("user=LEE%40EX".to_owned(), &[1, 3, 200]),
        ("user=e_a".to_owned(), &[]),
        ("group=Order".to_owned(), &[1, 2, 3]),
        ("group=Order&activity=Submit".to_owned(), &[1, 2]),
        ("activity=Submit&user=bob".to_owned(), &[2]),
        ("group=Product&user=ann".to_owned(), &[200]),
        ("group=Profile".to_owned(), &[]),
        (format!("from={}", ago(4)), &[1, 2, 3]),
        (format!("from={}&to={}", ago(40), ago(2)), &[2, 3, 30]),
        (format!("to={}&user=ann", ago(3)), &[3, 200]),
    ] {
        assert_eq!(hours(&find(&tenant.viewer, &query)), wanted, "{query}");
        let paged = find(&tenant.viewer, &format!("{query}&limit=1"));
        assert_eq!(hours(&paged), wanted, "{query} page by page");
    }
}

#[test]
fn a_query_that_cannot_be_meant_is_refused() {
    let tenant = Tenant::new();
    for (query, pointer) in [
        ("from=yesterday", "?from"),
        ("limit=0", "?limit"),
        ("cursor=abc", "?cursor"),
        ("users=ann", "?users"),
    ] {
        let refused = tenant.viewer.get(&format!("/v1/activities?{query}"));
        assert_eq!(refused.expect(400).pointers(), [pointer]);
    }
    for query in [
        "from=2026-01-01&to=2025-12-31",
        "from=2026-01-01&to=2026-06-01",
    ] {
        let refused = tenant
            .viewer
            .get(&format!("/v1/activities/summary?{query}"));
        assert_eq!(refused.expect(400).pointers(), ["?from"]);
    }
}

#[test]
fn a_summary_tells_who_did_how_much_the_most_active_first() {
    let tenant = Tenant::new();
    fill(&tenant);
    let counts = |query: &str| -> Vec<String> {
        let path = format!("/v1/activities/summary?{query}");
        let body = tenant.viewer.get(&path).expect(200).json();
        assert_eq!(body["truncated"], false);
        let rows = body["data"].as_array().unwrap().iter();
        let rows = rows.filter(|it| it["group"] != "Herald");
        rows.map(|it| {
            format!(
                "{} {} {}",
                text(&it["user"]),
                text(&it["group"]),
                it["count"]
            )
        })
        .collect()
    };
    // The last 7 days.
    assert_eq!(
        counts(""),
        [
            "Ann.Lee@example.com Order 2",
            "bob@example.com Order 1",
            "bob@example.com Product 1"
        ]
    );
    assert_eq!(
        counts("group=Order"),
        ["Ann.Lee@example.com Order 2", "bob@example.com Order 1"]
    );
    assert_eq!(
        counts(&format!("from={}&group=Product", ago(300))),
        ["Ann.Lee@example.com Product 1", "bob@example.com Product 1"]
    );
}

#[test]
fn all_letters_are_found_whether_they_are_small_or_capital() {
    let tenant = Tenant::new();
    let names = ["JÜRGEN@example.com", "Жанна", "ΟΔΥΣΣΕΥΣ", "ÅSE Øre"];
    for name in names {
        let body = json!({"user": name, "group": "Order", "activity": "Submit"});
        record(&tenant.publisher, &body);
    }
    for (part, name) in [
        ("JÜRGEN", names[0]),
        ("jürgen", names[0]),
        ("ÜrG", names[0]),
        ("ЖАН", names[1]),
        ("анна", names[1]),
        ("οδυσσευς", names[2]),
        ("σσευσ", names[2]),
        ("åse øRE", names[3]),
    ] {
        let query: String = url::form_urlencoded::byte_serialize(part.as_bytes()).collect();
        let found = find(&tenant.viewer, &format!("user={query}"));
        let users: Vec<&Value> = found.iter().map(|it| &it["user"]).collect();
        assert_eq!(users, [name], "{part}");
    }
    assert!(find(&tenant.viewer, "user=jurgen").is_empty());
}
