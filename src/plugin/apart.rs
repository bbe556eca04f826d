//! A thread of its own, of lower priority, for scripts that may not run on the delivery threads.
//! It knows nothing of why they may not.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, oneshot};

use super::chain::run_chain;
use super::limits::Limits;
use super::runtime::{Runtime, words_of};
use super::script::Script;
use super::source::{Fault, ScriptHash, ScriptName, Source};
use super::view::{EventView, Failure, FailureKind, Part, Run, SubscriptionView};

/// Jobs that wait; more wait outside, with their askers.
const MOST_WAITING: usize = 64;
/// Compiled scripts that are kept. When there are more, all are dropped.
const MOST_COMPILED: usize = 64;
/// How nice the thread is to the others (of 19): about a tenth of their share of a busy core.
const NICENESS: i32 = 10;

/// A handle on the thread. It ends when the last one is dropped and what it was given is done.
#[derive(Clone)]
pub struct Apart {
    jobs: mpsc::Sender<(Job, oneshot::Sender<Run>)>,
}

/// One run: the scripts of one attempt, in their order, and its event.
#[derive(Debug, Clone)]
pub struct Job {
    /// As `run_chain` takes them: the event type's, then the subscription's.
    pub sources: Vec<Source>,
    /// What they are given.
    pub event: OwnedEvent,
}

/// An [`EventView`] that can cross threads.
#[derive(Debug, Clone)]
pub struct OwnedEvent {
    /// `evt_…`.
    pub id: String,
    /// The event type's name.
    pub event_type: String,
    /// When the event was accepted.
    pub received_at: DateTime<Utc>,
    /// Which try at the delivery this is, from 1.
    pub attempt: i64,
    /// The exact bytes published.
    pub payload: Bytes,
    /// `sub_…`.
    pub subscription_id: String,
    /// The subscription's title.
    pub title: String,
    /// The subscription's target, whole.
    pub target: String,
    /// When the attempt began.
    pub now: DateTime<Utc>,
}

impl OwnedEvent {
    /// The same, borrowed.
    #[must_use]
    pub fn view(&self) -> EventView<'_> {
        EventView {
            id: &self.id,
            event_type: &self.event_type,
            received_at: self.received_at,
            attempt: self.attempt,
            payload: &self.payload,
            subscription: SubscriptionView {
                id: &self.subscription_id,
                title: &self.title,
                target: &self.target,
            },
            now: self.now,
        }
    }
}

/// Why a job came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ApartError {
    /// It will not come back by itself.
    #[error("the thread that runs plugins apart is gone")]
    Gone,
}

impl fmt::Debug for Apart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Apart").finish_non_exhaustive()
    }
}

impl Apart {
    /// Starts the thread; its scripts run under `limits`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(limits: Limits) -> io::Result<Self> {
        Self::start_with(move || Runtime::new(limits.clone()))
    }

    fn start_with(runtime: impl Fn() -> Runtime + Send + 'static) -> io::Result<Self> {
        let (jobs, mut waiting) = mpsc::channel::<(Job, oneshot::Sender<Run>)>(MOST_WAITING);
        thread::Builder::new()
            .name("plugin-apart".to_owned())
            .spawn(move || {
                // On Linux a priority belongs to the thread that asks, not to its process.
                if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
                    tracing::warn!(%error, "the plugins' own thread keeps the usual priority");
                }
                let mut bench = Bench::new(runtime());
                while let Some((job, answer)) = waiting.blocking_recv() {
                    if answer.is_closed() {
                        continue;
                    }
                    let ended = catch_unwind(AssertUnwindSafe(|| bench.run(&job)));
                    let run = ended.unwrap_or_else(|panic| {
                        // What the panic left behind is not used again.
                        bench = Bench::new(runtime());
                        let fault = Fault::whole(words_of(&*panic));
                        failed(job.sources.first(), FailureKind::Panic, fault)
                    });
                    // Whoever asked may have gone meanwhile.
                    let _ = answer.send(run);
                }
            })?;
        Ok(Self { jobs })
    }

    /// Runs a job after those that came before it. It waits for room; dropping the future takes
    /// a job back that has not begun.
    ///
    /// # Errors
    /// The thread is gone.
    pub async fn run(&self, job: Job) -> Result<Run, ApartError> {
        let (answer, answered) = oneshot::channel();
        let sent = self.jobs.send((job, answer)).await;
        sent.map_err(|_job| ApartError::Gone)?;
        answered.await.map_err(|_dropped| ApartError::Gone)
    }
}

/// What the thread works with.
struct Bench {
    runtime: Runtime,
    /// With the names, because failures carry them.
    compiled: HashMap<(ScriptName, ScriptHash), Rc<Script>>,
}

impl Bench {
    fn new(runtime: Runtime) -> Self {
        Self {
            runtime,
            compiled: HashMap::new(),
        }
    }

    fn run(&mut self, job: &Job) -> Run {
        let mut scripts = Vec::with_capacity(job.sources.len());
        for source in &job.sources {
            match self.script(source) {
                Ok(script) => scripts.push(script),
                Err(fault) => return failed(Some(source), FailureKind::Error, fault),
            }
        }
        let scripts: Vec<&Script> = scripts.iter().map(AsRef::as_ref).collect();
        run_chain(&self.runtime, &scripts, &job.event.view())
    }

    fn script(&mut self, source: &Source) -> Result<Rc<Script>, Fault> {
        let key = (source.name.clone(), source.hash);
        if let Some(script) = self.compiled.get(&key) {
            return Ok(Rc::clone(script));
        }
        let script = Rc::new(self.runtime.compile(source)?);
        if self.compiled.len() >= MOST_COMPILED {
            self.compiled.clear();
        }
        self.compiled.insert(key, Rc::clone(&script));
        Ok(script)
    }
}

/// The run of a script that did not get to run.
fn failed(source: Option<&Source>, kind: FailureKind, fault: Fault) -> Run {
    let part = source.map(|source| Part {
        name: source.name.clone(),
        hash: source.hash,
        elapsed: Duration::ZERO,
        operations: 0,
    });
    let script = source.map_or_else(ScriptName::of_nobody, |source| source.name.clone());
    Run {
        verdict: Err(Failure {
            script,
            kind,
            fault,
        }),
        log: Vec::new(),
        operations: 0,
        elapsed: Duration::ZERO,
        scripts: part.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::plugin::view::Verdict;

    fn job(text: &str) -> Job {
        let name: ScriptName = "named/x.rhai".parse().unwrap();
        Job {
            sources: vec![Source::new(name, text)],
            event: OwnedEvent {
                id: "evt_1".to_owned(),
                event_type: "X".to_owned(),
                received_at: DateTime::UNIX_EPOCH,
                attempt: 1,
                payload: Bytes::from_static(b"{\"n\":7}"),
                subscription_id: "sub_1".to_owned(),
                title: String::new(),
                target: "https://example.com".to_owned(),
                now: DateTime::UNIX_EPOCH,
            },
        }
    }

    fn body(run: Run) -> String {
        match run.verdict.unwrap() {
            Verdict::Deliver(delivered) => String::from_utf8(delivered.body.to_vec()).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    const WELL: &str = "fn transform(event) { [event.payload.n, event.id] }";

    #[tokio::test]
    async fn a_job_runs_as_it_would_anywhere() {
        fn crosses_threads<T: Send + Sync + Clone>(_: &T) {}
        let apart = Apart::start(Limits::default()).unwrap();
        crosses_threads(&apart);
        for _ in 0..3 {
            let run = apart.run(job(WELL)).await.unwrap();
            assert_eq!(run.scripts.len(), 1);
            assert_eq!(body(run), "[7,\"evt_1\"]");
        }
        let run = apart.run(job("fn filter(event) { ")).await.unwrap();
        assert_eq!(run.verdict.unwrap_err().kind, FailureKind::Error);
        let many = (0..MOST_COMPILED + 5).map(|n| job(&format!("{WELL} // {n}")));
        for job in many {
            assert_eq!(body(apart.run(job).await.unwrap()), "[7,\"evt_1\"]");
        }
    }

    #[tokio::test]
    async fn the_thread_is_nice_and_ends_with_its_last_handle() {
        let (tell, told) = channel();
        let apart = Apart::start_with(move || {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            tell.send(stat).unwrap();
            Runtime::new(Limits::default())
        })
        .unwrap();
        let other = apart.clone();
        drop(apart);
        assert!(other.run(job(WELL)).await.is_ok());
        let stat = told.recv().unwrap();
        let behind_the_name = stat.rsplit(')').next().unwrap();
        assert_eq!(behind_the_name.split_whitespace().nth(16), Some("10"));
        drop(other);
        // The thread drops its end when it ends.
        assert!(told.recv_timeout(Duration::from_secs(10)).is_err());
        assert!(told.try_recv().is_err());
    }

    #[tokio::test]
    async fn a_panic_is_a_failure_and_the_next_job_runs() {
        let apart = Apart::start_with(|| {
            let mut runtime = Runtime::new(Limits::default());
            runtime.bind_for_test("boom", || panic!("bang"));
            runtime
        })
        .unwrap();
        for _ in 0..3 {
            let run = apart.run(job("fn filter(event) { boom() }")).await.unwrap();
            assert_eq!(run.verdict.unwrap_err().kind, FailureKind::Panic);
            assert_eq!(body(apart.run(job(WELL)).await.unwrap()), "[7,\"evt_1\"]");
        }
    }

    #[tokio::test]
    async fn a_job_that_nobody_waits_for_is_skipped() {
        let (tell, told) = channel();
        let (open, gate) = channel();
        let gate = Arc::new(Mutex::new(gate));
        let apart = Apart::start_with(move || {
            let (tell, gate) = (tell.clone(), Arc::clone(&gate));
            let mut runtime = Runtime::new(Limits::default());
            runtime.bind_for_test("tell", move || tell.send(()).is_ok());
            runtime.bind_for_test("wait", move || gate.lock().unwrap().recv().is_ok());
            runtime
        })
        .unwrap();
        let first = apart.run(job("fn filter(event) { wait() }"));
        let mut first = Box::pin(first);
        let mut skipped = Box::pin(apart.run(job("fn filter(event) { tell() }")));
        // Both are polled once, in this order: the first keeps the thread, the second waits.
        tokio::select! {
            biased;
            _ = &mut first => panic!("it did not wait"),
            _ = &mut skipped => panic!("it overtook"),
            () = std::future::ready(()) => {}
        }
        drop(skipped);
        open.send(()).unwrap();
        assert!(first.await.unwrap().verdict.is_ok());
        assert!(apart.run(job(WELL)).await.is_ok());
        assert!(told.try_recv().is_err());
    }
}
