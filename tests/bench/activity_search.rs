//! How long each search of the activity log takes among ten million activities of a year, on a
//! PostgreSQL of its own: `cargo bench --bench activity_search`. Prints the milliseconds of each
//! filter, first and median of five; needs about 10 GB of disk.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measuring program prints its figures and ends at the first surprise"
)]

#[path = "../support/mod.rs"]
mod support;

use std::time::Instant;

use chrono::{DateTime, Duration, Months, Utc};
use herald::domain::id::MAIN_ACCOUNT;
use herald::store::activity::{self, ActivityFilter};
use herald::store::{Database, partition};

use support::cluster::Cluster;
use support::psql;

/// Months that the activities lie in.
const MONTHS: u32 = 12;
/// Users of the team: each does about as much as any other.
const TEAM: u32 = 2_000;
/// Users of whom each was seen once or a few times: customers, one in twenty activities.
const CUSTOMERS: u32 = 200_000;

fn main() {
    let rows = std::env::var("HERALD_TEST_ACTIVITIES").map_or(10_000_000, |it| it.parse().unwrap());
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(measure(rows));
}

async fn measure(rows: u64) {
    let url = Cluster::shared().database();
    let database = Database::new(&url, 2).unwrap();
    partition::ensure(&database).await.unwrap();
    let begin = Instant::now();
    fill(&url, rows);
    println!(
        "{rows} activities of {MONTHS} months in {:.0} s; table and indexes {} MB, users {} MB",
        begin.elapsed().as_secs_f64(),
        psql(
            &url,
            "select sum(pg_total_relation_size(inhrelid)) / 1000000 from pg_inherits \
             where inhparent = 'activity'::regclass"
        )
        .trim(),
        psql(
            &url,
            "select pg_total_relation_size('activity_user') / 1000000"
        )
        .trim(),
    );
    let ago = |days: i64| Some(Utc::now() - Duration::days(days));
    let text = |text: &str| Some(text.to_owned());
    let none = ActivityFilter {
        limit: 51,
        ..ActivityFilter::default()
    };
    let old = (
        ago(200).unwrap(),
        herald::domain::id::ActivityId::from_uuid(uuid::Uuid::max()),
    );
    let searches = [
        ("nothing, the first page", none.clone()),
        (
            "nothing, a page of 200 days ago",
            ActivityFilter {
                before: Some(old),
                ..none.clone()
            },
        ),
        (
            "user, whole",
            ActivityFilter {
                user: text("user777@example.com"),
                ..none.clone()
            },
        ),
        (
            "user, a part that fits 11",
            ActivityFilter {
                user: text("user77"),
                ..none.clone()
            },
        ),
        (
            "user, a part that fits all",
            ActivityFilter {
                user: text("EXAMPLE"),
                ..none.clone()
            },
        ),
        (
            "user, one letter that fits all",
            ActivityFilter {
                user: text("e"),
                ..none.clone()
            },
        ),
        (
            "user, one letter that fits none",
            ActivityFilter {
                user: text("ß"),
                ..none.clone()
            },
        ),
        (
            "user, a customer seen rarely",
            ActivityFilter {
                user: text("customer777@"),
                ..none.clone()
            },
        ),
        (
            "user, 111 customers",
            ActivityFilter {
                user: text("customer777"),
                ..none.clone()
            },
        ),
        (
            "user, 1,111 customers",
            ActivityFilter {
                user: text("customer77"),
                ..none.clone()
            },
        ),
        (
            "user, nobody",
            ActivityFilter {
                user: text("nobody"),
                ..none.clone()
            },
        ),
        (
            "group",
            ActivityFilter {
                group: text("Product"),
                ..none.clone()
            },
        ),
        (
            "group and activity",
            ActivityFilter {
                group: text("Order"),
                activity: text("Submit"),
                ..none.clone()
            },
        ),
        (
            "group and a rare activity",
            ActivityFilter {
                group: text("Mockup"),
                activity: text("Studio Delete"),
                ..none.clone()
            },
        ),
        (
            "activity in any group",
            ActivityFilter {
                activity: text("Submit"),
                ..none.clone()
            },
        ),
        (
            "a group without any",
            ActivityFilter {
                group: text("Nothing"),
                ..none.clone()
            },
        ),
        (
            "user and group",
            ActivityFilter {
                user: text("user77"),
                group: text("Profile"),
                ..none.clone()
            },
        ),
        (
            "user and a rare activity",
            ActivityFilter {
                user: text("user77"),
                group: text("Mockup"),
                activity: text("Studio Delete"),
                ..none.clone()
            },
        ),
        (
            "user that fits all, a rare activity",
            ActivityFilter {
                user: text("example"),
                group: text("Mockup"),
                activity: text("Studio Delete"),
                ..none.clone()
            },
        ),
        (
            "a day 200 days ago",
            ActivityFilter {
                from: ago(201),
                to: ago(200),
                ..none.clone()
            },
        ),
        (
            "user on a day 200 days ago",
            ActivityFilter {
                user: text("user77"),
                from: ago(201),
                to: ago(200),
                ..none.clone()
            },
        ),
        (
            "user, group, activity, 90 days",
            ActivityFilter {
                user: text("user77"),
                group: text("Order"),
                activity: text("Review"),
                from: ago(200),
                to: ago(110),
                ..none.clone()
            },
        ),
    ];
    println!(
        "{:<40} {:>9} {:>10} {:>6}",
        "search", "first ms", "median ms", "rows"
    );
    for (name, filter) in &searches {
        let mut times = Vec::new();
        let mut found = 0;
        for _ in 0..5 {
            let begin = Instant::now();
            found = activity::list(&database, MAIN_ACCOUNT, filter)
                .await
                .unwrap()
                .len();
            times.push(begin.elapsed().as_secs_f64() * 1_000.0);
        }
        let first = times[0];
        times.sort_by(f64::total_cmp);
        println!("{name:<40} {first:>9.1} {:>10.1} {found:>6}", times[2]);
    }
    for days in [7, 92] {
        let begin = Instant::now();
        let to = Utc::now();
        let counts =
            activity::summary(&database, MAIN_ACCOUNT, None, to - Duration::days(days), to);
        let counts = counts.await.unwrap().len();
        let took = begin.elapsed().as_secs_f64() * 1_000.0;
        println!(
            "{:<40} {took:>9.1} {:>10} {counts:>6}",
            format!("summary of {days} days"),
            ""
        );
    }
}

/// Spreads the activities over the months up to now, a month at a time, each with a payload of
/// about 200 bytes.
fn fill(url: &str, rows: u64) {
    let this = chrono::Datelike::with_day(&Utc::now().date_naive(), 1).unwrap();
    let begin = this.checked_sub_months(Months::new(MONTHS - 1)).unwrap();
    let span = (Utc::now() - begin.and_time(chrono::NaiveTime::MIN).and_utc()).num_seconds();
    for ago in (0..MONTHS).rev() {
        let first = this.checked_sub_months(Months::new(ago)).unwrap();
        let next = first.checked_add_months(Months::new(1)).unwrap();
        let name = format!("activity_{}", first.format("%Y%m"));
        let bounds = [first, next].map(partition::lowest_id);
        psql(
            url,
            &format!(
                "create table if not exists {name} (like activity including all); \
             do $$ begin alter table activity attach partition {name} \
                 for values from ('{}') to ('{}'); exception when others then null; end $$",
                bounds[0], bounds[1]
            ),
        );
        let start: DateTime<Utc> = first.and_time(chrono::NaiveTime::MIN).and_utc();
        let end = next
            .and_time(chrono::NaiveTime::MIN)
            .and_utc()
            .min(Utc::now());
        let seconds = (end - start).num_seconds();
        let number = rows * u64::try_from(seconds).unwrap() / u64::try_from(span).unwrap();
        psql(
            url,
            &format!(
                "insert into activity (account_id, id, at, \"user\", actor, \"group\", activity, payload) \
             select '{account}', \
                 (lpad(to_hex((extract(epoch from t) * 1000)::bigint), 12, '0') || '7' || \
                     substr(md5(n::text || '{name}'), 1, 3) || '8' || \
                     substr(md5(n::text || 'b{name}'), 1, 15))::uuid, \
                 t, \
                 case when r < 0.95 then 'user' || floor(u * {TEAM}) \
                     else 'customer' || floor(u * {CUSTOMERS}) end || '@example.com', \
                 'application', k.g, k.a, \
                 '{{\"order\": ' || n || ', \"note\": \"' || repeat('x', 160) || '\"}}' \
             from (select n, random() as r, random() as u, random() as w, \
                     timestamptz '{start}' + n * (interval '1 second' * {seconds} / {number}) as t \
                 from generate_series(0, {number} - 1) n) s \
             cross join lateral (select * from (values \
                 (0.3, 'Order', 'Submit'), (0.5, 'Order', 'Review'), (0.55, 'Order', 'Bulk Submit'), \
                 (0.7, 'Product', 'Edit'), (0.8, 'Product', 'Update'), (0.85, 'Product', 'Delete'), \
                 (0.9, 'Product', 'Enable Mockup'), (0.95, 'Product', 'Auto Match Variants'), \
                 (0.97, 'Profile', 'Update Info'), (0.99, 'Profile', 'Update Password'), \
                 (0.99999, 'Mockup', 'Studio Create'), (1.0, 'Mockup', 'Studio Delete')) v (p, g, a) \
                 where s.w <= v.p order by v.p limit 1) k",
                account = MAIN_ACCOUNT.uuid(),
            ),
        );
        psql(url, &format!("analyze {name}"));
    }
    psql(
        url,
        "insert into activity_user select account_id, \"user\", \
             date_trunc('month', max(at))::date from activity group by 1, 2; \
         analyze activity; analyze activity_user; checkpoint",
    );
}
