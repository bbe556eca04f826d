//! `herald receive`: a small receiver to try a subscription with. Says what came and what it
//! answered; the server itself is `http::receiver`.

mod line;

use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::output;
use crate::domain::secret::Secret;
use crate::http::receiver::{Received, Receiver, ReceiverFailure, Settings};

/// The options of `herald receive`.
#[derive(Debug, Args)]
pub(crate) struct Receive {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9000")]
    listen: SocketAddr,
    /// A secret to verify with; may be given several times
    #[arg(long = "secret", value_name = "whsec_…", value_parser = Secret::parse)]
    secrets: Vec<Secret>,
    /// Fail on purpose: a status from 300 to 599, hang or reset
    #[arg(long, value_name = "500|429|410|hang|reset")]
    fail: Option<ReceiverFailure>,
    /// The share of requests to fail, from 0 to 1
    #[arg(long, requires = "fail", default_value_t = 1.0, value_parser = rate)]
    rate: f64,
    /// Which requests fail: the same seed fails the same ones of a sequence
    #[arg(long, requires = "fail", default_value_t = 0)]
    seed: u64,
    /// Seconds to send as Retry-After with a failing status
    #[arg(long, value_name = "SECONDS", requires = "fail")]
    retry_after: Option<u32>,
    /// Milliseconds to wait before each answer
    #[arg(long, value_name = "MS", default_value_t = 0)]
    delay: u64,
    /// A file that gets one line for each good request, before it is answered
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Say nothing of single requests
    #[arg(long)]
    quiet: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.0..=1.0).contains(rate));
    rate.ok_or_else(|| "a share from 0 to 1".to_owned())
}

impl Receive {
    /// Receives until it is asked to stop (Ctrl-C, SIGTERM).
    pub(crate) async fn run(self, json: bool) -> anyhow::Result<()> {
        let ledger = match &self.ledger {
            None => None,
            Some(path) => {
                let file = OpenOptions::new().create(true).append(true).open(path);
                Some(file.with_context(|| format!("cannot open {}", path.display()))?)
            }
        };
        // Before the address is shown: whoever reads it may stop the receiver at once.
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let receiver = Receiver::start(Settings {
            listen: self.listen,
            secrets: self.secrets,
            failure: self.fail.map(|failure| (failure, self.rate)),
            seed: self.seed,
            retry_after: self.retry_after,
            delay: Duration::from_millis(self.delay),
            ledger,
            observer: observer(self.quiet, json),
        })
        .with_context(|| format!("cannot listen on {}", self.listen))?;
        output::report(&format!(
            "receiving on http://{} (Ctrl-C ends)",
            receiver.address()
        ));
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        let counts = receiver.stop().await;
        if json {
            output::json_line(&counts)?;
        } else {
            output::line(&line::totals(&counts))?;
        }
        Ok(())
    }
}

fn observer(quiet: bool, json: bool) -> Box<dyn Fn(&Received<'_>) + Send + Sync> {
    if quiet {
        return Box::new(|_| {});
    }
    Box::new(move |received| {
        // A full disk behind standard output must not keep the receiver from answering.
        let _ = if json {
            output::json_line(&line::ReceivedLine::of(received))
        } else {
            output::line(&line::ReceivedLine::of(received).to_string())
        };
    })
}
