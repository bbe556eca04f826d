//! Lists of deliveries and events, by every filter and page by page, held against a plain reading of all
//! rows. The rows are those of the bench of pages, with what it lacks: deliveries held by scripts
//! and mails, sent again, and in flight.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::process::Command;

use chrono::{DateTime, Utc};
use herald::domain::delivery::DeliveryState;
use herald::domain::id::{EventId, MAIN_ACCOUNT, SubscriptionId};
use herald::store::delivery_log::{DeliveryFilter, list};
use herald::store::event::EventFilter;
use herald::store::{Database, event, partition};
use uuid::Uuid;

use crate::support::cluster::Cluster;
use crate::support::psql;

const STATES: [DeliveryState; 7] = [
    DeliveryState::Queued,
    DeliveryState::Retrying,
    DeliveryState::Held,
    DeliveryState::Sent,
    DeliveryState::Failed,
    DeliveryState::Filtered,
    DeliveryState::Cancelled,
];

/// What the bench's deliveries lack.
const ODDITIES: &str = "
    update delivery set held_by = 'named/a.rhai' where uuid_hash(event_id) % 5 = 0;
    update delivery set held_by = 'mail' where uuid_hash(event_id) % 7 = 1;
    -- Failed ones that are sent again, some of which were sent by now, others have failed anew.
    insert into delivery (account_id, subscription_id, event_id, due_at, n, base, failures, origin)
        select account_id, subscription_id, event_id, now() + interval '1 day', n, n, 0, 'resend'
        from attempt where outcome = 'failed' and uuid_hash(event_id) % 4 = 0;
    insert into attempt (account_id, subscription_id, event_id, n, duration_ms, outcome, origin)
        select account_id, subscription_id, event_id, n + 1, 1,
            case when uuid_hash(event_id) % 8 = 1 then 'sent' else 'failed' end::attempt_outcome, 'resend'
        from attempt where outcome = 'failed' and uuid_hash(event_id) % 4 = 1;
    -- In flight: the newest have neither an attempt nor a row, and the mark of the lane is there.
    delete from attempt where event_id in (select id from event order by id desc limit 20)
        and uuid_hash_extended(event_id, 0) % 2 = 0;
    insert into lane (folder, lease_until, low_water)
        select gen_random_uuid(), now() + interval '1 hour', id
        from event order by id desc offset 19 limit 1;";

/// All that the tables say, each fact by a plain select.
struct Plain {
    /// By the greatest event, then the greatest subscription: the event's type and the state.
    deliveries: Vec<((Uuid, Uuid), String, DeliveryState)>,
}

fn lines(url: &str, statement: &str) -> Vec<Vec<String>> {
    psql(url, statement)
        .lines()
        .map(|line| line.split('|').map(str::to_owned).collect())
        .collect()
}

fn id(text: &str) -> Uuid {
    text.parse().unwrap()
}

/// The state that the documents promise (DESIGN.md, 1), from the rows of one delivery.
fn state(row: Option<&Vec<String>>, outcomes: &[String], enabled: bool) -> DeliveryState {
    if let Some(row) = row {
        let held_by = row[3].as_str();
        return match (held_by, row[2].as_str()) {
            ("", _) if !enabled => DeliveryState::Held,
            ("" | "mail", "0") => DeliveryState::Queued,
            ("" | "mail", _) => DeliveryState::Retrying,
            _ => DeliveryState::Held,
        };
    }
    let ends = ["sent", "failed", "filtered", "cancelled"];
    outcomes
        .iter()
        .rev()
        .find(|outcome| ends.contains(&outcome.as_str()))
        .map_or(DeliveryState::Queued, |end| end.parse().unwrap())
}

fn read(url: &str) -> Plain {
    let enabled: HashMap<String, bool> = lines(url, "select id, state from subscription")
        .into_iter()
        .map(|row| (row[0].clone(), row[1] == "enabled"))
        .collect();
    let mut rows = HashMap::new();
    for row in lines(
        url,
        "select event_id, subscription_id, failures, held_by from delivery",
    ) {
        rows.insert((row[0].clone(), row[1].clone()), row);
    }
    let mut outcomes: HashMap<_, Vec<String>> = HashMap::new();
    for row in lines(
        url,
        "select event_id, subscription_id, outcome from attempt order by n",
    ) {
        let key = (row[0].clone(), row[1].clone());
        outcomes.entry(key).or_default().push(row[2].clone());
    }
    let mut deliveries = Vec::new();
    for event in lines(
        url,
        "select e.id, e.type, t.id from event e, unnest(targets) t (id)",
    ) {
        let key = (event[0].clone(), event[2].clone());
        let tried = outcomes.get(&key).map_or(&[][..], Vec::as_slice);
        let state = state(rows.get(&key), tried, enabled[&event[2]]);
        deliveries.push(((id(&key.0), id(&key.1)), event[1].clone(), state));
    }
    deliveries.sort_by_key(|delivery| std::cmp::Reverse(delivery.0));
    Plain { deliveries }
}

/// The pages of a list, one after the other, to the end or until there are `most`.
async fn pages(
    database: &Database,
    mut filter: DeliveryFilter,
    most: usize,
) -> Vec<((Uuid, Uuid), DeliveryState)> {
    let mut found = Vec::new();
    while found.len() < most {
        let page = list(database, MAIN_ACCOUNT, &filter).await.unwrap();
        assert!(page.deliveries.len() <= filter.limit);
        found.extend(
            (page.deliveries.iter())
                .map(|it| ((it.event.uuid(), it.subscription.uuid()), it.state)),
        );
        let Some(next) = page.next else { return found };
        assert_ne!(filter.after, Some(next), "it goes on");
        filter.after = Some(next);
    }
    found.truncate(most);
    found
}

fn fill(url: &str, deliveries: u32) {
    let seed = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/bench.d/pages.sql");
    let filled = Command::new("psql")
        .args([
            "-Xqd",
            url,
            "-v",
            &format!("deliveries={deliveries}"),
            "-f",
            seed,
        ])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&filled.stderr);
    assert!(filled.status.success() && told.is_empty(), "{told}");
}

#[actix_rt::test]
async fn every_filter_of_the_list_finds_what_a_plain_reading_finds_each_once_and_in_order() {
    let url = Cluster::shared().database();
    let database = Database::new(&url, 2).unwrap();
    partition::ensure(&database).await.unwrap();
    fill(&url, 70_000);
    psql(&url, ODDITIES);
    let plain = read(&url);
    let present: BTreeSet<&str> = plain.deliveries.iter().map(|it| it.2.as_str()).collect();
    assert_eq!(present.len(), STATES.len(), "{present:?}");

    // The webhooks with the most deliveries, with one, and with none; one of each state.
    let mut by_number: BTreeMap<Uuid, usize> = BTreeMap::new();
    for ((_, subscription), ..) in &plain.deliveries {
        *by_number.entry(*subscription).or_default() += 1;
    }
    let by_rank = |rank: u32| {
        let title = format!("select id from subscription where title like 'Webhook {rank} of%'");
        Some(id(psql(&url, &title).trim()))
    };
    let subscriptions = [
        None,
        by_rank(1),
        by_rank(6),
        by_rank(30),
        by_rank(150),
        Some(Uuid::max()),
    ];
    let types = [
        None,
        Some("STORE_ORDER_CREATED"),
        Some("PUBLISH"),
        Some("CATEGORY_CREATED"),
        Some("MEMBER_UPDATED"),
        Some("SITE_CREATED"),
    ];
    let at = |share: usize| -> Option<DateTime<Utc>> {
        let place = plain.deliveries.len() * share / 100;
        let millis = plain.deliveries[place].0.0.as_u128() >> 80;
        DateTime::from_timestamp_millis(i64::try_from(millis).unwrap())
    };
    let ranges = [
        (None, None),
        (at(60), at(30)),
        (None, at(97)),
        (at(1), None),
    ];
    let mut turn = 0;
    for subscription in subscriptions {
        for event_type in types {
            for state in std::iter::once(None).chain(STATES.map(Some)) {
                turn += 1;
                for (from, to) in [ranges[0], ranges[1 + turn % 3]] {
                    let filter = DeliveryFilter {
                        subscription: subscription.map(SubscriptionId::from_uuid),
                        event_type: event_type.map(str::to_owned),
                        state,
                        from,
                        to,
                        after: None,
                        limit: 200,
                    };
                    let wanted: Vec<_> = plain
                        .deliveries
                        .iter()
                        .filter(|((event, one), name, became)| {
                            subscription.is_none_or(|it| it == *one)
                                && event_type.is_none_or(|it| it == name)
                                && state.is_none_or(|it| it == *became)
                                && from.is_none_or(|it| partition::lowest_id_at(it) <= *event)
                                && to.is_none_or(|it| partition::lowest_id_at(it) > *event)
                        })
                        .map(|(key, _, became)| (*key, *became))
                        .collect();
                    // Of the long ones the first pages are enough.
                    let most = wanted.len().min(3_000) + usize::from(wanted.len() < 3_000);
                    let found = pages(&database, filter.clone(), most).await;
                    let wrong = found
                        .iter()
                        .zip(&wanted)
                        .position(|(one, other)| one != other);
                    assert_eq!(
                        wrong,
                        None,
                        "{filter:?}: {:?}",
                        wrong.map(|it| (found[it], wanted[it]))
                    );
                    assert_eq!(found.len(), wanted.len().min(most), "{filter:?}");
                }
            }
        }
    }
}

#[actix_rt::test]
async fn events_of_a_type_are_listed_whether_or_not_they_go_to_somebody() {
    let url = Cluster::shared().database();
    let database = Database::new(&url, 2).unwrap();
    partition::ensure(&database).await.unwrap();
    fill(&url, 2_000);
    // Every third goes to nobody.
    psql(
        &url,
        "update event set targets = '{}' where uuid_hash(id) % 3 = 0",
    );
    for name in [
        None,
        Some("STORE_ORDER_CREATED"),
        Some("MEMBER_UPDATED"),
        Some("SITE_CREATED"),
    ] {
        let condition = name.map_or("true".to_owned(), |name| format!("type = '{name}'"));
        let all = format!("select id from event where {condition} order by id desc");
        let wanted: Vec<Uuid> = lines(&url, &all).iter().map(|row| id(&row[0])).collect();
        let mut found: Vec<Uuid> = Vec::new();
        loop {
            let filter = EventFilter {
                event_type: name.map(str::to_owned),
                before: found.last().copied().map(EventId::from_uuid),
                limit: 50,
                ..EventFilter::default()
            };
            let page = event::list(&database, MAIN_ACCOUNT, &filter).await.unwrap();
            found.extend(page.iter().map(|event| event.id.uuid()));
            if page.len() < 50 {
                break;
            }
        }
        assert_eq!(found, wanted, "{name:?}");
    }
}
