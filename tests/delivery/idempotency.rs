//! A repeated request with the same key is harmless.

use std::collections::HashSet;
use std::thread;

use serde_json::json;

use crate::support::Herald;
use crate::support::api::{order, text};
use crate::support::receiver::Receiver;

#[test]
fn the_same_key_from_sixteen_threads_at_once_is_one_event() {
    let herald = Herald::launch();
    let receiver = Receiver::start(&[]);
    herald.subscribe(&receiver.url, &["*"]);
    let body = order(1).to_string();
    for round in 0..20 {
        let key = format!("round-{round}");
        let answers: Vec<_> = thread::scope(|scope| {
            let publish = || {
                herald
                    .publish_keyed(&key, body.as_bytes())
                    .expect(202)
                    .json()
            };
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(publish)).collect();
            threads.into_iter().map(|it| it.join().unwrap()).collect()
        });
        let ids: HashSet<_> = answers.iter().map(|it| text(&it["id"])).collect();
        assert_eq!(ids.len(), 1, "{answers:?}");
        let firsts = answers.iter().filter(|it| it["duplicate"] == false);
        assert_eq!(firsts.count(), 1);
        assert!(answers.iter().all(|it| it["deliveries"] == 1));
    }
    assert_eq!(herald.settled()["accepted"], 20);
    assert_eq!(receiver.received().len(), 20);
}

#[test]
fn a_key_outlives_the_daemon_and_guards_its_body() {
    let mut herald = Herald::launch();
    let body = order(1).to_string();
    let first = herald
        .publish_keyed("once", body.as_bytes())
        .expect(202)
        .json();
    herald.kill();
    herald.spawn();
    let again = herald
        .publish_keyed("once", body.as_bytes())
        .expect(202)
        .json();
    assert_eq!(
        (&again["id"], &again["duplicate"]),
        (&first["id"], &json!(true))
    );
    let other = herald.publish_keyed("once", order(2).to_string().as_bytes());
    assert!(other.expect(422).detail().contains("another body"));
    assert_eq!(herald.settled()["accepted"], 1);
}

#[test]
fn the_lines_of_a_batch_have_keys_of_their_own() {
    let herald = Herald::launch();
    let [a, b, c] = [1, 2, 3].map(|n| order(n).to_string());
    let batch = |lines: &[&str]| {
        let key = [("idempotency-key", "batch")];
        let body = lines.join("\n");
        herald
            .send("POST", "/v1/events/batch", &key, body.as_bytes())
            .expect(202)
            .json()
    };
    let first = batch(&[&a, &b]);
    let more = batch(&[&a, &b, &c]);
    assert_eq!(
        more["ids"].as_array().unwrap()[..2],
        first["ids"].as_array().unwrap()[..]
    );
    assert_eq!(more["accepted"], 3);
    let line = herald
        .publish_keyed("batch/2", b.as_bytes())
        .expect(202)
        .json();
    assert_eq!(
        (&line["id"], &line["duplicate"]),
        (&first["ids"][1], &json!(true))
    );
    let changed = batch(&[&a, &c]);
    assert_eq!(changed["accepted"], 1);
    assert_eq!(changed["rejected"][0]["line"], 2);
    assert_eq!(herald.settled()["accepted"], 3);
    let keys = herald.sql("select key from idempotency order by 1");
    assert_eq!(
        keys.split_whitespace().collect::<Vec<_>>(),
        ["batch/1", "batch/2", "batch/3"]
    );
}
