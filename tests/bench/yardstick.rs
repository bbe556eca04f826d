//! The yardstick of `scripts/bench`: bare awc to a receiver, nothing else. What Herald's rate
//! and CPU time are measured against, in the same run, on the same machine.
//!
//! `yardstick URL SECONDS CONNECTIONS BODY_FILE` prints one line: requests, seconds, CPU
//! microseconds of this process a request.

use std::cell::Cell;
use std::error::Error;
use std::rc::Rc;
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, seconds, connections, body] = arguments.as_slice() else {
        return Err("usage: yardstick URL SECONDS CONNECTIONS BODY_FILE".into());
    };
    let body = bytes::Bytes::from(std::fs::read(body)?);
    let bound = Duration::from_secs(seconds.parse()?);
    let connections: usize = connections.parse()?;
    let sent = Rc::new(Cell::new(0_u64));
    let begin = Instant::now();
    actix::System::new().block_on(async {
        let client = awc::Client::builder()
            .connector(awc::Connector::new().limit(0))
            .disable_redirects()
            .no_default_headers()
            .finish();
        let tasks = (0..connections).map(|_| {
            let (client, url, body, sent) =
                (client.clone(), url.clone(), body.clone(), Rc::clone(&sent));
            actix::spawn(async move {
                while begin.elapsed() < bound {
                    let request = client.post(&url).send_body(body.clone());
                    let Ok(mut response) = request.await else {
                        continue;
                    };
                    if response.body().await.is_ok() {
                        sent.set(sent.get() + 1);
                    }
                }
            })
        });
        futures_util::future::join_all(tasks).await;
    });
    let took = begin.elapsed().as_secs_f64();
    let usage = rustix_times()?;
    #[allow(clippy::print_stdout, reason = "the figures are this program's answer")]
    {
        println!(
            "{} {took:.3} {:.2}",
            sent.get(),
            usage * 1e6 / sent.get().max(1) as f64
        );
    }
    Ok(())
}

/// CPU seconds of this process, user and system.
fn rustix_times() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after = stat
        .rsplit_once(')')
        .map(|(_, after)| after)
        .unwrap_or_default();
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks = |place: usize| -> f64 {
        fields
            .get(place)
            .and_then(|field| field.parse().ok())
            .unwrap_or(0.0)
    };
    Ok((ticks(11) + ticks(12)) / 100.0)
}
