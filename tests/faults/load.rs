//! A bounded load: threads that publish until told to stop, and remember what was answered 202.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::support::Herald;
use crate::support::api::{order, text};
use crate::support::client::Client;

/// No load runs longer than this.
const BOUND: Duration = Duration::from_secs(120);

/// Publishing threads.
pub struct Load {
    stop: Arc<AtomicBool>,
    accepted: Arc<AtomicU64>,
    threads: Vec<JoinHandle<Vec<String>>>,
}

impl Load {
    /// Begins to publish to the daemon from so many threads. A refused or broken request is
    /// simply tried anew as another event, a little later.
    pub fn start(herald: &Herald, threads: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let accepted = Arc::new(AtomicU64::new(0));
        let threads = (0..threads)
            .map(|_| {
                let client = herald.client.clone();
                let (stop, accepted) = (Arc::clone(&stop), Arc::clone(&accepted));
                thread::spawn(move || publish(&client, &stop, &accepted))
            })
            .collect();
        Self {
            stop,
            accepted,
            threads,
        }
    }

    /// How many events were answered 202 so far.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Ends it; answers the ids of all events that were answered 202.
    pub fn stop(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    }
}

fn publish(client: &Client, stop: &AtomicBool, accepted: &AtomicU64) -> Vec<String> {
    let body = order(1).to_string();
    let mut ids = Vec::new();
    let begin = Instant::now();
    while !stop.load(Ordering::Relaxed) && begin.elapsed() < BOUND {
        match client.try_send("POST", "/v1/events", &[], body.as_bytes()) {
            Ok(answer) if answer.status == 202 => {
                ids.push(text(&answer.json()["id"]));
                accepted.fetch_add(1, Ordering::Relaxed);
            }
            // Away or stopping; with connections refused there is nothing to wait for.
            Ok(answer) => assert_eq!(answer.status, 503, "{answer:?}"),
            Err(_) => thread::sleep(Duration::from_millis(5)),
        }
    }
    ids
}
