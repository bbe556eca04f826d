//! One running postmaster: started by this process or adopted from an earlier one that was
//! killed, waited for, and stopped.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::process::Child;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::cluster::{Cluster, last_lines};
use super::error::PostgresError;
use super::process::{self, PidFile};

/// How long a start may show no progress: its log, to which a recovery writes every 10 s.
const START: Duration = Duration::from_secs(60);
/// How long a start may take in all: the redo of `max_wal_size` on a slow disk.
const WHOLE_START: Duration = Duration::from_secs(600);
/// How long a fast shutdown may take before the server is made to drop everything.
const FAST_STOP: Duration = Duration::from_secs(30);
const IMMEDIATE_STOP: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(25);

/// Says `true` once Herald wants PostgreSQL to stop.
pub(super) type Stop = watch::Receiver<bool>;

/// Resolves when a stop is wished (`true`) or nobody is left to wish one (`false`).
pub(super) async fn stop_wished(stop: &mut Stop) -> bool {
    stop.wait_for(|wished| *wished).await.is_ok()
}

/// A postmaster that was ready when this value was made.
pub(super) struct Postmaster {
    pid: Pid,
    /// `None` for an adopted one, which is some other process's child.
    child: Option<Child>,
}

impl Postmaster {
    /// Adopts the server that works on this folder already, else starts one.
    pub(super) async fn start(cluster: &Cluster, stop: &mut Stop) -> Result<Self, PostgresError> {
        let data = cluster.data();
        if let Some(found) = PidFile::read(&data) {
            if process::is_postgres_of(found.pid, &data) {
                if let Some(adopted) = adopt(cluster, &found, stop).await? {
                    return Ok(adopted);
                }
            } else if process::exists(found.pid) {
                // PostgreSQL would take the stranger for a postmaster and refuse to start.
                tracing::warn!(
                    pid = found.pid.as_raw_nonzero(),
                    "removing a stale postmaster.pid: its process number is used by another program"
                );
                let path = data.join("postmaster.pid");
                std::fs::remove_file(&path).map_err(PostgresError::file("removed", path))?;
            } else {
                tracing::warn!(
                    pid = found.pid.as_raw_nonzero(),
                    "PostgreSQL was not shut down the last time: it recovers now"
                );
            }
        }
        launch(cluster, stop).await
    }

    /// The process number.
    pub(super) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Resolves when the server has ended. May be dropped and called again.
    pub(super) async fn ended(&mut self, data: &Path) {
        if let Some(child) = &mut self.child {
            if let Err(error) = child.wait().await {
                tracing::warn!(%error, "PostgreSQL's end could not be awaited");
            }
            return;
        }
        while process::is_postgres_of(self.pid, data) {
            sleep(POLL * 4).await;
        }
    }

    /// Fast shutdown (connections are cut, everything is written), then an immediate one.
    pub(super) async fn stop(mut self, data: &Path) -> Result<(), PostgresError> {
        process::signal(self.pid, Signal::INT)?;
        if timeout(FAST_STOP, self.ended(data)).await.is_ok() {
            return Ok(());
        }
        tracing::warn!(
            pid = self.pid(),
            "PostgreSQL does not stop: it is made to drop everything"
        );
        process::signal(self.pid, Signal::QUIT)?;
        if timeout(IMMEDIATE_STOP, self.ended(data)).await.is_ok() {
            return Ok(());
        }
        let seconds = (FAST_STOP + IMMEDIATE_STOP).as_secs();
        Err(PostgresError::NotStopped {
            pid: self.pid(),
            seconds,
        })
    }
}

/// Takes over a server that outlived its Herald; `None` if it ended instead, or was ended
/// because its socket is not where this Herald looks.
async fn adopt(
    cluster: &Cluster,
    found: &PidFile,
    stop: &mut Stop,
) -> Result<Option<Postmaster>, PostgresError> {
    let data = cluster.data();
    let mut adopted = Postmaster {
        pid: found.pid,
        child: None,
    };
    tracing::info!(
        pid = adopted.pid(),
        "PostgreSQL of this folder runs already: taking it over"
    );
    if found.is_stopping() {
        return match timeout(FAST_STOP, adopted.ended(&data)).await {
            Ok(()) => Ok(None),
            Err(_) => adopted.stop(&data).await.map(|()| None),
        };
    }
    if !await_ready(cluster, &mut adopted, 0, stop).await? {
        return Ok(None);
    }
    if PidFile::read(&data).is_some_and(|file| file.socket != cluster.socket) {
        tracing::info!("its socket is elsewhere: starting it again");
        return adopted.stop(&data).await.map(|()| None);
    }
    Ok(Some(adopted))
}

/// Starts a server; for a while again and again where processes of a killed one still leave.
async fn launch(cluster: &Cluster, stop: &mut Stop) -> Result<Postmaster, PostgresError> {
    let begun = Instant::now();
    let mut asked_to_leave = false;
    loop {
        cluster.write_settings()?;
        let log = cluster.open_log()?;
        let from = log.metadata().map_or(0, |found| found.len());
        let mut postmaster = spawn(cluster, log)?;
        if await_ready(cluster, &mut postmaster, from, stop).await? {
            tracing::info!(
                pid = postmaster.pid(),
                version = cluster.binaries.major,
                milliseconds = begun.elapsed().as_millis(),
                "the private PostgreSQL is ready"
            );
            return Ok(postmaster);
        }
        let excerpt = excerpt(cluster, from);
        let occupied = excerpt.contains("pre-existing shared memory block")
            || excerpt.contains("lock file \"postmaster.pid\" already exists");
        if !occupied || begun.elapsed() > START {
            return Err(PostgresError::Crashed {
                log: cluster.log(),
                excerpt,
            });
        }
        // Backends of a killed postmaster leave when they next look up; a long statement may
        // keep one for as long as it runs, so after a while they are signalled.
        if begun.elapsed() > Duration::from_secs(1) {
            let wish = if asked_to_leave {
                Signal::KILL
            } else {
                Signal::QUIT
            };
            for pid in process::all_of(&cluster.data()) {
                tracing::warn!(
                    pid = pid.as_raw_nonzero(),
                    "ending a process that a killed PostgreSQL left"
                );
                process::signal(pid, wish)?;
            }
            asked_to_leave = true;
        }
        tokio::select! {
            () = sleep(Duration::from_millis(250)) => {}
            _ = stop_wished(stop) => return Err(PostgresError::CalledOff),
        }
    }
}

fn spawn(cluster: &Cluster, log: std::fs::File) -> Result<Postmaster, PostgresError> {
    let program = cluster.binaries.program("postgres");
    let failed = |source| PostgresError::Run {
        program: program.clone(),
        source,
    };
    let mut command = cluster.account.command(&program);
    command.arg("-D").arg(cluster.data());
    command
        .stdout(log.try_clone().map_err(failed)?)
        .stderr(log)
        .stdin(Stdio::null());
    // Ctrl-C reaches every process of the terminal's group; Herald stops its database last.
    command.process_group(0);
    let child = tokio::process::Command::from(command)
        .spawn()
        .map_err(failed)?;
    let pid = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| failed(std::io::Error::other("it ended at once")))?;
    Ok(Postmaster {
        pid,
        child: Some(child),
    })
}

/// `true` when it is ready, `false` when it ended first.
async fn await_ready(
    cluster: &Cluster,
    postmaster: &mut Postmaster,
    log_from: u64,
    stop: &mut Stop,
) -> Result<bool, PostgresError> {
    let data = cluster.data();
    let begun = Instant::now();
    let mut progress = (begun, 0);
    loop {
        if PidFile::read(&data).is_some_and(|file| file.pid == postmaster.pid && file.is_ready()) {
            return Ok(true);
        }
        let length = std::fs::metadata(cluster.log()).map_or(0, |found| found.len());
        if length != progress.1 {
            progress = (Instant::now(), length);
        }
        if progress.0.elapsed() > START || begun.elapsed() > WHOLE_START {
            return Err(PostgresError::NotReady {
                pid: postmaster.pid(),
                seconds: START.as_secs(),
                log: cluster.log(),
                excerpt: excerpt(cluster, log_from),
            });
        }
        let called_off = tokio::select! {
            () = postmaster.ended(&data) => return Ok(false),
            () = sleep(POLL) => false,
            _ = stop_wished(stop) => true,
        };
        if called_off {
            process::signal(postmaster.pid, Signal::INT)?;
            // What has not ended by then is found and stopped by the next start.
            let _ = timeout(FAST_STOP, postmaster.ended(&data)).await;
            return Err(PostgresError::CalledOff);
        }
    }
}

/// The last lines that the log got since it was `from` bytes long.
fn excerpt(cluster: &Cluster, from: u64) -> String {
    let read = || {
        let mut file = std::fs::File::open(cluster.log())?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(
            from.max(length.saturating_sub(8 << 10)).min(length),
        ))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(bytes)
    };
    match read() {
        Ok(bytes) => last_lines(&String::from_utf8_lossy(&bytes)),
        Err(error) => format!("(the log cannot be read: {error})"),
    }
}
