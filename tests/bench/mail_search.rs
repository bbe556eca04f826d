//! How long each search of the mail log takes among ten million mails of a year, on a PostgreSQL
//! of its own: `cargo bench --bench mail_search`. Prints the milliseconds of each filter, first
//! and median of five, and fails above the bound; needs about 8 GB of disk.

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

use std::time::{Duration, Instant};

use chrono::{DateTime, Months, Utc};
use herald::domain::id::MAIN_ACCOUNT;
use herald::domain::mail::MailState;
use herald::store::mail_log::{MailFilter, list};
use herald::store::{Database, partition};

use support::cluster::Cluster;
use support::psql;

/// What a search may take.
const BOUND: Duration = Duration::from_millis(100);

/// Twelve months of mails, spread evenly, with words that many, few and single ones hold.
fn fill(url: &str, rows: u64) {
    let account = MAIN_ACCOUNT.uuid();
    let months = "select date_trunc('month', now() at time zone 'utc')::timestamp - n * interval '1 month' \
                  as first from generate_series(1, 11) n";
    let id = |at: &str| {
        format!(
            "lpad(to_hex((extract(epoch from {at}) * 1000)::bigint), 12, '0') || '7' || \
             substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15)"
        )
    };
    psql(
        url,
        &format!(
            "drop index if exists mail_words;
             do $$ declare m record; name text; low text; high text; begin
             for m in {months} loop
                 name := to_char(m.first, 'YYYYMM');
                 low := rpad(lpad(to_hex((extract(epoch from m.first at time zone 'utc') * 1000)::bigint), 12, '0'), 32, '0');
                 high := rpad(lpad(to_hex((extract(epoch from (m.first + interval '1 month') at time zone 'utc') * 1000)::bigint), 12, '0'), 32, '0');
                 execute format('create table mail_%s partition of mail for values from (%L) to (%L)',
                     name, low::uuid, high::uuid);
             end loop; end $$;
             set synchronous_commit = off;
             insert into mail (account_id, id, topic, state, sender, receivers, subject, message_id,
                 words, text, created_at)
             select '{account}', ({id})::uuid, topic, state, sender, array[receiver], subject, n || '@x',
                 sender || E'\\n' || receiver || E'\\n' || subject, 'x', at
             from (
                 select n, at, 'Shop <shop@example.com>' as sender,
                     'Customer ' || n || ' <customer' || n || '@mail' || n % 997 || '.example>' as receiver,
                     'Order ' || n % 100000 || case when n % 1000 = 7 then ' refunded' else '' end
                         || case when n % 200000 = 3 then ' extraordinary' else '' end as subject,
                     (array['Receipt', 'Invoice', 'Shipping', 'Password Reset'])[1 + n % 4] as topic,
                     (case when n % 5000 = 11 then 'failed' else 'sent' end)::mail_state as state
                 from (
                     select n, now() - (n::float8 / {rows}) * interval '330 days' as at
                     from generate_series(1, {rows}) n
                 ) s
             ) s;
             -- A campaign of one week, half a year ago.
             insert into mail (account_id, id, topic, state, sender, receivers, subject, message_id,
                 words, text, created_at)
             select '{account}', ({id})::uuid, 'Campaign', 'sent', 'a@example.com', array['b@example.com'],
                 'Summer sale', n || '@y', 'a@example.com' || E'\\n' || 'b@example.com' || E'\\nSummer sale',
                 'x', at
             from (
                 select n, now() - interval '180 days' - (n::float8 / ({rows} / 100)) * interval '7 days' as at
                 from generate_series(1, {rows} / 100) n
             ) s;
             set maintenance_work_mem = '512MB';
             create index mail_words on mail using gin (words gin_trgm_ops);
             ",
            id = id("at"),
        ),
    );
    psql(url, "vacuum analyze mail");
}

fn ago(months: u32) -> Option<DateTime<Utc>> {
    Utc::now().checked_sub_months(Months::new(months))
}

fn main() {
    let rows = std::env::var("HERALD_TEST_MAILS").map_or(10_000_000, |it| it.parse().unwrap());
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
    let begun = Instant::now();
    fill(&url, rows);
    let size = psql(
        &url,
        "select pg_size_pretty(sum(pg_total_relation_size(inhrelid))) \
                           from pg_inherits where inhparent = 'mail'::regclass",
    );
    println!(
        "{rows} mails, {} filled in {:?}",
        size.trim(),
        begun.elapsed()
    );
    let one = format!("customer{}@", rows / 2 + 1);
    let q = |text: &str| MailFilter {
        q: Some(text.to_owned()),
        ..MailFilter::default()
    };
    let searches = [
        ("the newest", MailFilter::default()),
        ("what all hold", q("SHOP@example")),
        ("what one in 200,000 holds", q("extraordinary")),
        ("what one in a thousand holds", q("refunded")),
        ("one receiver", q(&one)),
        ("what none holds", q("nowhere at all")),
        ("a campaign half a year ago", q("Summer sale")),
        (
            "a topic",
            MailFilter {
                topic: Some("Invoice".into()),
                ..MailFilter::default()
            },
        ),
        (
            "a topic and words",
            MailFilter {
                topic: Some("Shipping".into()),
                ..q("refunded")
            },
        ),
        (
            "failed ones",
            MailFilter {
                state: Some(MailState::Failed),
                ..MailFilter::default()
            },
        ),
        (
            "failed ones with words",
            MailFilter {
                state: Some(MailState::Failed),
                ..q("Order 1")
            },
        ),
        (
            "failed ones of a topic",
            MailFilter {
                state: Some(MailState::Failed),
                topic: Some("Receipt".into()),
                ..MailFilter::default()
            },
        ),
        (
            "a month long ago",
            MailFilter {
                from: ago(8),
                to: ago(7),
                ..MailFilter::default()
            },
        ),
        (
            "words in a month long ago",
            MailFilter {
                from: ago(8),
                to: ago(7),
                ..q("refunded")
            },
        ),
    ];
    let mut slow = Vec::new();
    for (what, filter) in searches {
        let filter = MailFilter {
            limit: 51,
            ..filter
        };
        let mut times = Vec::new();
        let mut found = 0;
        for _ in 0..5 {
            let begun = Instant::now();
            found = list(&database, MAIN_ACCOUNT, &filter).await.unwrap().len();
            times.push(begun.elapsed());
        }
        let first = times[0];
        times.sort();
        println!(
            "{what:<30} {found:>3} found: {:>7.1} ms, at first {:>7.1} ms",
            times[2].as_secs_f64() * 1e3,
            first.as_secs_f64() * 1e3
        );
        if times[2] > BOUND {
            slow.push(what);
        }
    }
    assert!(slow.is_empty(), "over {BOUND:?}: {slow:?}");
}
