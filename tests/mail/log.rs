//! The mail log: what it shows, how it is searched, and that it is one account's own.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::tenant::Tenant;
use crate::support::wait_until;

fn record(tenant: &Tenant, topic: &str, to: &str, subject: &str) -> String {
    let mail = json!({
        "topic": topic, "to": [to], "from": "Shop <shop@example.com>", "subject": subject,
        "record_only": true,
    });
    let made = tenant.publisher.post("/v1/mails", &mail).expect(201).json();
    assert_eq!(made["state"], "sent");
    text(&made["id"])
}

fn ids(list: &[Value]) -> Vec<String> {
    list.iter().map(|mail| text(&mail["id"])).collect()
}

#[test]
fn a_recorded_mail_stands_in_the_log_as_sent_and_is_never_sent() {
    let tenant = Tenant::new();
    let id = record(&tenant, "Receipt", "Ann <ann@example.com>", "Thank you");
    let mail = tenant
        .viewer
        .get(&format!("/v1/mails/{id}"))
        .expect(200)
        .json();
    assert_eq!(mail["recorded"], true);
    assert_eq!(mail["attempts"], 0);
    assert_eq!(
        (&mail["tries"], &mail["headers"]),
        (&json!([]), &Value::Null)
    );
    assert_eq!(mail["sent_at"], mail["created_at"]);
    assert_eq!(mail["from"], "Shop <shop@example.com>");
}

#[test]
fn mails_are_found_by_part_of_receiver_sender_or_subject_topic_state_and_time() {
    let tenant = Tenant::new();
    let mut all = Vec::new();
    for n in 0..30 {
        let topic = if n % 3 == 0 { "Receipt" } else { "Invoice" };
        let to = format!("Kunde {n} <customer{n}@shop{}.example>", n % 5);
        all.push(record(
            &tenant,
            topic,
            &to,
            &format!("Order №{n} 100%_done"),
        ));
    }
    all.reverse();
    let queued =
        json!({"topic": "Receipt", "to": ["late@example.com"], "subject": "s", "text": "t"});
    let queued = text(
        &tenant
            .publisher
            .post("/v1/mails", &queued)
            .expect(202)
            .json()["id"],
    );
    wait_until("it to be sent", || {
        tenant.viewer.get(&format!("/v1/mails/{queued}")).json()["state"] == "sent"
    });
    let found = |query: &str| ids(&tenant.viewer.list(&format!("/v1/mails?{query}")));
    let of = |fits: &dyn Fn(usize) -> bool| -> Vec<String> {
        let numbered = all.iter().zip((0..30).rev());
        numbered
            .filter(|(_, n)| fits(*n))
            .map(|(id, _)| id.clone())
            .collect()
    };
    let mut whole = vec![queued.clone()];
    whole.extend(all.iter().cloned());
    assert_eq!(found(""), whole);
    assert_eq!(found("limit=7"), whole);
    assert_eq!(found("q=CUSTOMER17"), of(&|n| n == 17));
    assert_eq!(found("q=shop3.ex"), of(&|n| n % 5 == 3));
    assert_eq!(found("q=shop3.ex&limit=2"), of(&|n| n % 5 == 3));
    assert_eq!(found("q=shop@example"), all);
    assert_eq!(found("q=%E2%84%967%20100"), of(&|n| n == 7));
    assert_eq!(found("q=100%25_d"), all);
    assert_eq!(found("q=100__done"), Vec::<String>::new());
    assert_eq!(
        found("q=Kunde%201&topic=Receipt"),
        of(&|n| [12, 15, 18].contains(&n))
    );
    assert_eq!(found("topic=Invoice"), of(&|n| n % 3 != 0));
    assert_eq!(found("topic=Invoice&limit=4"), of(&|n| n % 3 != 0));
    assert_eq!(found("topic=Receipt&state=sent").len(), 11);
    assert_eq!(found("state=failed"), Vec::<String>::new());
    assert_eq!(found("state=sent"), whole);
    assert_eq!(found("to=2020-01-01"), Vec::<String>::new());
    assert_eq!(found("from=2020-01-01&q=customer3%40"), of(&|n| n == 3));
    for (bad, pointer) in [
        ("q=ab", "?q"),
        ("q=a%0d%0abc", "?q"),
        ("state=lost", "?state"),
        ("from=yesterday", "?from"),
        ("cursor=x", "?cursor"),
        ("colour=red", "?colour"),
    ] {
        let answer = tenant.viewer.get(&format!("/v1/mails?{bad}")).expect(400);
        assert_eq!(answer.pointers(), [pointer]);
    }
}

#[test]
fn another_accounts_mails_are_not_there() {
    let (mine, other) = (Tenant::new(), Tenant::new());
    let id = record(&mine, "Receipt", "ann@example.com", "Mine alone");
    other.admin.get(&format!("/v1/mails/{id}")).expect(404);
    for query in ["", "?q=Mine%20alone", "?topic=Receipt", "?state=sent"] {
        let list = other.admin.list(&format!("/v1/mails{query}"));
        let found: BTreeSet<String> = ids(&list).into_iter().collect();
        assert!(!found.contains(&id), "{query}");
    }
    mine.publisher.get("/v1/mails").expect(403);
    mine.viewer.post("/v1/mails", &json!({})).expect(403);
}

#[test]
fn mails_are_found_whether_letters_are_small_or_capital() {
    let tenant = Tenant::new();
    let id = record(
        &tenant,
        "Receipt",
        "Jürgen Groß <j@example.com>",
        "GRÜSSE aus Östersund",
    );
    for part in ["grüsse", "GRÜSSE", "JÜRGEN", "östersund", "GROẞ", "Aus Ö"] {
        let query: String = url::form_urlencoded::byte_serialize(part.as_bytes()).collect();
        let found = tenant.viewer.list(&format!("/v1/mails?q={query}"));
        assert_eq!(ids(&found), [id.as_str()], "{part}");
    }
}
