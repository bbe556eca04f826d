//! A mail server that is down for good stands in nobody's way.

use std::time::{Duration, Instant};

use crate::desk::{herald, letter, mail_in, send, tried};
use crate::server::MailServer;
use crate::support::api::order;
use crate::support::receiver::Receiver;
use crate::support::{Herald, wait_until};

/// From publishing an event to its arrival at the webhook: half of them, and all but one of a
/// hundred, are quicker.
fn webhooks(herald: &Herald, receiver: &Receiver, number: u64) -> (Duration, Duration) {
    let mut times: Vec<Duration> = (0..number)
        .map(|n| {
            let before = receiver.received().len();
            let begun = Instant::now();
            herald.publish_event(&order(n));
            wait_until("it to arrive", || receiver.received().len() > before);
            begun.elapsed()
        })
        .collect();
    times.sort();
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

#[test]
fn with_the_server_down_and_100_000_mails_waiting_webhooks_and_memory_are_as_before() {
    const WAITING: i64 = 100_000;
    const EVENTS: u64 = 200;
    let mut server = MailServer::start();
    let herald = herald(&server.url());
    let receiver = Receiver::start(&[]);
    herald.subscribe(&receiver.url, &["ORDER_CREATED"]);
    webhooks(&herald, &receiver, 50);
    let before = webhooks(&herald, &receiver, EVENTS);
    let memory_before = herald.memory();
    server.end();
    let id = send(&herald.client, &letter(&["ann@example.com"], "the first"));
    tried(&herald.client, &id, 1);
    // As many more, due at once, in the name of another account.
    herald.sql(&format!(
        "with given as materialized (select activity_id() as id, n from generate_series(1, {WAITING}) n), \
         kept as (insert into mail (account_id, id, topic, state, sender, receivers, subject, \
             message_id, words, text) \
             select '00000000-0000-7000-8000-0000000000aa', id, 'Newsletter', 'queued', \
                 'a@example.com', array['u' || n || '@example.com'], 'News', \
                 id || '@example.com', 'u' || n || '@example.com', repeat('x', 2000) from given) \
         insert into mail_due (account_id, mail_id, pending) \
             select '00000000-0000-7000-8000-0000000000aa', id, \
                 array['u' || n || '@example.com'] from given"
    ));
    herald.sql("analyze mail; analyze mail_due");
    let after = webhooks(&herald, &receiver, EVENTS);
    let memory_after = herald.memory();
    let tries = herald.count("select count(*) from mail_try");
    println!(
        "{WAITING} mails waiting for a server that is down: webhooks p50 {:.1} → {:.1} ms, p99 \
         {:.1} → {:.1} ms; memory {memory_before} → {memory_after} KiB; {tries} tries meanwhile",
        before.0.as_secs_f64() * 1e3,
        after.0.as_secs_f64() * 1e3,
        before.1.as_secs_f64() * 1e3,
        after.1.as_secs_f64() * 1e3,
    );
    assert!(
        memory_after < memory_before + (32 << 10),
        "{memory_before} → {memory_after} KiB"
    );
    assert!(
        after.1 < before.1 * 3 + Duration::from_millis(20),
        "{before:?} → {after:?}"
    );
    // One account's thousands do not stand before another's mail.
    server.begin();
    let begun = Instant::now();
    let own = send(&herald.client, &letter(&["ann@example.com"], "my own"));
    wait_until("the server to be found again", || {
        !server.taken().is_empty()
    });
    mail_in(&herald.client, "sent", &own);
    let others = server.taken().len();
    println!(
        "a mail of another account was sent {:.1} s after the server was back, among {others}",
        begun.elapsed().as_secs_f64()
    );
    assert!(others < 5_000, "{others}");
}
