//! kill -9 while mails stream: what was accepted is logged once and in the mailbox, and only
//! what was in flight may be there twice, as the same mail.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::desk::{herald, letter};
use crate::server::MailServer;
use crate::support::{wait_for, wait_until};

#[test]
fn kills_while_mails_stream_lose_none_and_repeat_only_what_was_in_flight() {
    const KILLS: usize = 8;
    const CONNECTIONS: usize = 4;
    let server = MailServer::start();
    let mut herald = herald(&server.url());
    let stop = Arc::new(AtomicBool::new(false));
    let accepted: Arc<Mutex<Vec<String>>> = Arc::default();
    let writers: Vec<_> = (0..3)
        .map(|_| {
            let (stop, accepted) = (Arc::clone(&stop), Arc::clone(&accepted));
            let client = herald.client.clone();
            thread::spawn(move || {
                let body = letter(&["ann@example.com"], "a stream").to_string();
                while !stop.load(Ordering::Relaxed) {
                    match client.try_send("POST", "/v1/mails", &[], body.as_bytes()) {
                        Ok(answer) if answer.status == 202 => {
                            let id = answer.json()["id"].as_str().unwrap().to_owned();
                            accepted.lock().unwrap().push(id);
                        }
                        _ => thread::park_timeout(Duration::from_millis(20)),
                    }
                }
            })
        })
        .collect();
    let count = || accepted.lock().unwrap().len();
    for _ in 0..KILLS {
        let before = (count(), server.taken().len());
        wait_until("mails to be accepted and sent", || {
            count() > before.0 + 40 && server.taken().len() > before.1 + 20
        });
        herald.kill();
        herald.spawn();
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.join().unwrap();
    }
    wait_for("the queue to be empty", || {
        (herald.count("select count(*) from mail_due") == 0).then_some(())
    });
    let accepted = accepted.lock().unwrap();
    let mut copies: HashMap<String, usize> = HashMap::new();
    for mail in server.taken() {
        *copies
            .entry(mail["message_id"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    for id in accepted.iter() {
        let mail = crate::desk::mail(&herald.client, id);
        assert_eq!(mail["state"], "sent", "{mail:#}");
        assert!(
            copies.contains_key(mail["message_id"].as_str().unwrap()),
            "{id} is lost"
        );
    }
    let logged = herald.count("select count(*) from mail");
    let twice: usize = copies.values().map(|copies| copies - 1).sum();
    println!(
        "{KILLS} kills: {} mails accepted, {logged} logged, {} in the mailbox, {twice} of them \
         twice (at most {} could be in flight)",
        accepted.len(),
        copies.len(),
        KILLS * CONNECTIONS
    );
    // What was committed and not answered is logged and sent as well.
    assert!(logged as usize >= accepted.len());
    assert_eq!(logged as usize, copies.len());
    assert!(twice <= KILLS * CONNECTIONS, "{twice}");
}
