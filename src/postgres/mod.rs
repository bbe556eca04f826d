//! The private PostgreSQL: where no database URL is set, Herald runs the installed server on
//! a folder of its own, reachable by a Unix socket only. This module knows processes and
//! files, no SQL beyond the creation of the empty database.
//!
//! Lifetimes: the server is not bound to Herald's. Herald stops it at its end, but one whose
//! Herald was killed goes on, and the next Herald on the same folder takes it over. Whoever
//! calls [`PrivatePostgres::start`] must hold the lock on the data folder.

mod account;
mod binaries;
mod cluster;
mod error;
mod postmaster;
mod process;

use std::path::Path;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use cluster::Cluster;
pub use error::PostgresError;
use postmaster::{Postmaster, Stop, stop_wished};
use process::PidFile;

/// The first pause before a server that crashed is started again; doubled up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(5);
/// A server that ran this long is healthy: the next crash begins with the first pause again.
const HEALTHY: Duration = Duration::from_secs(60);

/// A running private PostgreSQL with a task that starts it again whenever it crashes.
///
/// Dropping it without [`PrivatePostgres::stop`] leaves the server running, unwatched, to be
/// taken over by the next start.
#[derive(Debug)]
pub struct PrivatePostgres {
    url: String,
    stop: watch::Sender<bool>,
    supervisor: JoinHandle<Result<(), PostgresError>>,
}

impl PrivatePostgres {
    /// Makes the folder `postgresql` in `data_dir` if it is missing, adopts the server that
    /// works on it or starts one, waits until it accepts connections, and watches it from
    /// then on by a task on the calling runtime.
    ///
    /// # Errors
    /// Whatever keeps it from running, as text for the operator.
    pub async fn start(data_dir: &Path) -> Result<Self, PostgresError> {
        let data_dir = data_dir.to_owned();
        let prepared = tokio::task::spawn_blocking(move || Cluster::prepare(&data_dir)).await;
        let cluster = prepared.map_err(|source| PostgresError::SupervisorLost { source })??;
        let (stop, mut stopping) = watch::channel(false);
        let postmaster = Postmaster::start(&cluster, &mut stopping).await?;
        let url = cluster.url();
        let supervisor = tokio::spawn(supervise(cluster, postmaster, stopping));
        Ok(Self {
            url,
            stop,
            supervisor,
        })
    }

    /// Where to connect: `postgresql://herald@<socket folder, percent-encoded>/herald`. It
    /// stays the same when the server is started again.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Ends the watch and shuts the server down: fast, after 30 s at once. Close the
    /// connections before.
    ///
    /// # Errors
    /// When it did not stop.
    pub async fn stop(self) -> Result<(), PostgresError> {
        // Fails only if the supervisor is gone, which the join reports.
        let _ = self.stop.send(true);
        match self.supervisor.await {
            Ok(stopped) => stopped,
            Err(source) => Err(PostgresError::SupervisorLost { source }),
        }
    }

    /// Whether `data_dir` holds a private PostgreSQL, running or not.
    #[must_use]
    pub fn exists(data_dir: &Path) -> bool {
        cluster::data_in(data_dir).join("PG_VERSION").exists()
    }

    /// The major version of the installed server that would run it.
    ///
    /// # Errors
    /// None is installed, or not the one that wrote the data.
    pub fn installed(data_dir: &Path) -> Result<u32, PostgresError> {
        binaries::choose(&cluster::data_in(data_dir)).map(|found| found.major)
    }

    /// The URL of the private PostgreSQL of `data_dir` if it runs, for command-line tools
    /// beside a running daemon. Starts nothing.
    #[must_use]
    pub fn running(data_dir: &Path) -> Option<String> {
        let data = cluster::data_in(&data_dir.canonicalize().ok()?);
        let found = PidFile::read(&data)?;
        let serves = found.is_ready() && process::is_postgres_of(found.pid, &data);
        serves.then(|| cluster::url_of(&found.socket))
    }
}

/// Starts the server again whenever it ends, until a stop is wished.
async fn supervise(
    cluster: Cluster,
    mut postmaster: Postmaster,
    mut stop: Stop,
) -> Result<(), PostgresError> {
    let data = cluster.data();
    let mut pause = FIRST_PAUSE;
    loop {
        let ready_at = Instant::now();
        let wished = tokio::select! {
            () = postmaster.ended(&data) => None,
            wished = stop_wished(&mut stop) => Some(wished),
        };
        match wished {
            Some(true) => return postmaster.stop(&data).await,
            Some(false) => return Ok(()),
            None => {}
        }
        if ready_at.elapsed() > HEALTHY {
            pause = FIRST_PAUSE;
        }
        tracing::error!(pid = postmaster.pid(), log = %cluster.log().display(),
            "the private PostgreSQL ended by itself: starting it again");
        postmaster = loop {
            tokio::select! {
                () = sleep(pause) => {}
                _ = stop_wished(&mut stop) => return Ok(()),
            }
            pause = (pause * 2).min(LAST_PAUSE);
            match Postmaster::start(&cluster, &mut stop).await {
                Ok(started) => break started,
                Err(PostgresError::CalledOff) => return Ok(()),
                Err(error) => tracing::error!(%error, "the private PostgreSQL does not start"),
            }
        };
    }
}
