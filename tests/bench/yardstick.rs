//! The yardstick of `scripts/bench`: bare awc to a receiver, nothing else. What Herald's rate
//! and CPU time are measured against, in the same run, on the same machine.
//!
//! `yardstick URL SECONDS CONNECTIONS BODY_FILE` prints one JSON object: `requests` answered
//! with 2xx, `failures`, `seconds`, and `cpu_us`, the CPU microseconds of this process for each
//! request. It signs nothing and stores nothing: it is the cost of HTTP alone.

use std::cell::Cell;
use std::error::Error;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, seconds, connections, body] = arguments.as_slice() else {
        return Err("usage: yardstick URL SECONDS CONNECTIONS BODY_FILE".into());
    };
    let body = bytes::Bytes::from(std::fs::read(body)?);
    let bound = Duration::from_secs(seconds.parse()?);
    let connections: usize = connections.parse()?;

    let counts = Rc::new(Counts::default());
    let begin = Instant::now();
    actix::System::new().block_on(async {
        // Herald's own client has these settings as well (src/transport).
        let client = awc::Client::builder()
            .connector(awc::Connector::new().limit(0))
            .disable_redirects()
            .no_default_headers()
            .finish();
        let senders = (0..connections).map(|_| {
            let (client, url, body) = (client.clone(), url.clone(), body.clone());
            let counts = Rc::clone(&counts);
            actix::spawn(async move {
                while begin.elapsed() < bound {
                    counts.count(send(&client, &url, body.clone()).await);
                }
            })
        });
        futures_util::future::join_all(senders).await;
    });
    let seconds = begin.elapsed().as_secs_f64();

    let requests = counts.sent.get();
    let answer = serde_json::json!({
        "requests": requests,
        "failures": counts.failed.get(),
        "seconds": seconds,
        "cpu_us": cpu_time().as_secs_f64() * 1e6 / requests.max(1) as f64,
    });
    #[allow(clippy::print_stdout, reason = "the figures are this program's answer")]
    {
        println!("{answer}");
    }
    Ok(())
}

#[derive(Default)]
struct Counts {
    sent: Cell<u64>,
    failed: Cell<u64>,
}

impl Counts {
    fn count(&self, sent: bool) {
        let count = if sent { &self.sent } else { &self.failed };
        count.set(count.get() + 1);
    }
}

/// One request, its answer read to the end; whether that answer was 2xx.
async fn send(client: &awc::Client, url: &str, body: bytes::Bytes) -> bool {
    let Ok(mut answer) = client.post(url).send_body(body).await else {
        return false;
    };
    answer.status().is_success() && answer.body().await.is_ok()
}

/// CPU time of this process, user and system.
fn cpu_time() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(spent).unwrap_or_default()
}
