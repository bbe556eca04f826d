//! The isolated runner: a thread of its own, of lower priority, for scripts that may not run on the
//! delivery threads. Accounts take turns at it. It knows nothing of why scripts run here.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::sync::oneshot;

use super::chain::run_chain;
use super::limits::Limits;
use super::runtime::{Runtime, panic_text};
use super::script::Script;
use super::source::{ScriptHash, ScriptName, Source, SourceFault};
use super::turns::Turns;
use super::view::{FailureKind, Part, Run, ScriptEvent, ScriptFailure, ScriptSubscription};
use crate::domain::id::AccountId;

/// Compiled scripts that are kept. When there are more, all are dropped.
const MOST_COMPILED: usize = 64;
/// How nice the thread is to the others (of 19): about a sixth of their share of a busy core.
const NICENESS: i32 = 8;

/// A handle on the isolated runner, whose thread ends when the last one is dropped and what it was
/// given is done.
#[derive(Clone)]
pub struct IsolatedRunner {
    handle: Arc<Handle>,
}

/// All that is held outside of the thread.
struct Handle(Arc<RunnerShared>);

/// What the thread and its handles share.
struct RunnerShared {
    state: Mutex<RunnerState>,
    /// There is a job, or there will be none.
    ready: Condvar,
}

struct RunnerState {
    queue: Turns<Option<AccountId>, Vec<ScriptName>, QueuedRun>,
    /// The last handle is gone.
    closed: bool,
    /// The thread is.
    gone: bool,
}

struct QueuedRun {
    job: Job,
    reply: oneshot::Sender<Run>,
}

/// One run: the scripts of one attempt, in their order, and its event.
#[derive(Debug, Clone)]
pub struct Job {
    /// Whose turn it takes; those of no account share one.
    pub account: Option<AccountId>,
    /// As `run_chain` takes them: the event type's, then the subscription's.
    pub sources: Vec<Source>,
    /// What they are given.
    pub event: OwnedEvent,
}

/// A [`ScriptEvent`] that can cross threads.
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
    pub fn view(&self) -> ScriptEvent<'_> {
        ScriptEvent {
            id: &self.id,
            event_type: &self.event_type,
            received_at: self.received_at,
            attempt: self.attempt,
            payload: &self.payload,
            subscription: ScriptSubscription {
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
pub enum IsolatedError {
    /// The thread ended: this handle and its clones are of no more use, and another
    /// [`IsolatedRunner::start`] is.
    #[error("the isolated runner is gone")]
    Gone,
    /// Too many jobs of the account wait already, or of all: try again later.
    #[error("too many events wait for the isolated runner")]
    Full,
}

impl fmt::Debug for IsolatedRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IsolatedRunner").finish_non_exhaustive()
    }
}

impl IsolatedRunner {
    /// Starts a thread of that name, of which Linux shows 15 bytes and which has no NUL; its
    /// scripts run under `limits`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(name: &str, limits: Limits) -> io::Result<Self> {
        Self::start_with(name, move || Runtime::new(limits.clone()))
    }

    fn start_with(name: &str, runtime: impl Fn() -> Runtime + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(RunnerShared {
            state: Mutex::new(RunnerState {
                queue: Turns::new(),
                closed: false,
                gone: false,
            }),
            ready: Condvar::new(),
        });
        let worker = Worker(Arc::clone(&shared));
        let builder = thread::Builder::new().name(name.to_owned());
        builder.spawn(move || worker.work(runtime))?;
        Ok(Self {
            handle: Arc::new(Handle(shared)),
        })
    }

    /// Runs a job after those of the same account and scripts that came before it, in turns with
    /// others'. Dropping the future takes a job back that has not begun.
    ///
    /// # Errors
    /// There is no room for it, which is reported at once; or the thread is gone.
    pub async fn run(&self, job: Job) -> Result<Run, IsolatedError> {
        let (reply, replied) = oneshot::channel();
        self.handle.0.put(QueuedRun { job, reply })?;
        replied.await.map_err(|_dropped| IsolatedError::Gone)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.locked().closed = true;
        self.0.ready.notify_one();
    }
}

impl RunnerShared {
    fn locked(&self) -> MutexGuard<'_, RunnerState> {
        // Nobody panics while the queue is half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, run: QueuedRun) -> Result<(), IsolatedError> {
        let sources = run.job.sources.iter();
        let set = sources.map(|source| source.name.clone()).collect();
        let mut state = self.locked();
        if state.gone {
            return Err(IsolatedError::Gone);
        }
        let is_wanted = |run: &QueuedRun| !run.reply.is_closed();
        let put = (state.queue).push(run.job.account, set, run, is_wanted);
        put.map_err(|_run| IsolatedError::Full)?;
        self.ready.notify_one();
        Ok(())
    }

    /// Waits for the next job; `None`: there will be none.
    fn take(&self) -> Option<QueuedRun> {
        let mut state = self.locked();
        loop {
            match state.queue.pop() {
                Some(run) => return Some(run),
                None if state.closed => return None,
                None => {
                    let woken = self.ready.wait(state);
                    state = woken.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }
}

/// The thread's side. However the thread ends, those who wait learn of it.
struct Worker(Arc<RunnerShared>);

impl Worker {
    fn work(self, runtime: impl Fn() -> Runtime) {
        // On Linux a priority belongs to the thread that asks, not to its process.
        if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
            tracing::warn!(%error, "the isolated runner keeps the usual priority");
        }
        let mut bench = Bench::new(runtime());
        while let Some(QueuedRun { job, reply }) = self.0.take() {
            if reply.is_closed() {
                continue;
            }
            let ended = catch_unwind(AssertUnwindSafe(|| bench.run(&job)));
            let run = ended.unwrap_or_else(|panic| {
                // What the panic left behind is not used again.
                bench = Bench::new(runtime());
                let fault = SourceFault::whole(panic_text(&*panic));
                failed(job.sources.first(), FailureKind::Panic, fault)
            });
            // Whoever asked may have gone meanwhile.
            let _ = reply.send(run);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let mut state = self.0.locked();
        state.gone = true;
        state.queue.clear();
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

    fn script(&mut self, source: &Source) -> Result<Rc<Script>, SourceFault> {
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
fn failed(source: Option<&Source>, kind: FailureKind, fault: SourceFault) -> Run {
    let part = source.map(Part::not_run);
    let script = source.map_or_else(ScriptName::of_nobody, |source| source.name.clone());
    Run {
        verdict: Err(ScriptFailure {
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
    use std::sync::mpsc::{Sender, channel};

    use futures_util::FutureExt;

    use super::*;
    use crate::domain::id::MAIN_ACCOUNT;
    use crate::plugin::turns::MOST_OF_A_SET;
    use crate::plugin::view::ScriptVerdict;

    fn job(text: &str) -> Job {
        job_of("named/x.rhai", text)
    }

    fn job_of(name: &str, text: &str) -> Job {
        let name: ScriptName = name.parse().unwrap();
        Job {
            account: None,
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
            ScriptVerdict::Deliver(delivered) => {
                String::from_utf8(delivered.body.to_vec()).unwrap()
            }
            other => panic!("{other:?}"),
        }
    }

    const WELL: &str = "fn transform(event) { [event.payload.n, event.id] }";

    #[tokio::test]
    async fn a_job_runs_as_it_would_anywhere() {
        fn crosses_threads<T: Send + Sync + Clone>(_: &T) {}
        let runner = IsolatedRunner::start("plugin-test", Limits::default()).unwrap();
        crosses_threads(&runner);
        for _ in 0..3 {
            let run = runner.run(job(WELL)).await.unwrap();
            assert_eq!(run.scripts.len(), 1);
            assert_eq!(body(run), "[7,\"evt_1\"]");
        }
        let run = runner.run(job("fn filter(event) { ")).await.unwrap();
        assert_eq!(run.verdict.unwrap_err().kind, FailureKind::Error);
        let many = (0..MOST_COMPILED + 5).map(|n| job(&format!("{WELL} // {n}")));
        for job in many {
            assert_eq!(body(runner.run(job).await.unwrap()), "[7,\"evt_1\"]");
        }
    }

    #[tokio::test]
    async fn the_thread_is_nice_and_ends_with_its_last_handle() {
        let (report, reports) = channel();
        let runner = IsolatedRunner::start_with("plugin-test", move || {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            report.send(stat).unwrap();
            Runtime::new(Limits::default())
        })
        .unwrap();
        let other = runner.clone();
        drop(runner);
        assert!(other.run(job(WELL)).await.is_ok());
        let stat = reports.recv().unwrap();
        assert!(stat.contains("(plugin-test)"), "{stat}");
        let behind_the_name = stat.rsplit(')').next().unwrap();
        assert_eq!(behind_the_name.split_whitespace().nth(16), Some("8"));
        drop(other);
        // The thread drops its end when it ends.
        assert!(reports.recv_timeout(Duration::from_secs(10)).is_err());
        assert!(reports.try_recv().is_err());
    }

    #[tokio::test]
    async fn a_panic_is_a_failure_and_the_next_job_runs() {
        let runner = IsolatedRunner::start_with("plugin-test", || {
            let mut runtime = Runtime::new(Limits::default());
            runtime.bind_for_test("boom", || panic!("bang"));
            runtime
        })
        .unwrap();
        for _ in 0..3 {
            let run = runner
                .run(job("fn filter(event) { boom() }"))
                .await
                .unwrap();
            assert_eq!(run.verdict.unwrap_err().kind, FailureKind::Panic);
            assert_eq!(body(runner.run(job(WELL)).await.unwrap()), "[7,\"evt_1\"]");
        }
    }

    /// A thread that begins to work when the gate is opened, or panics when it is torn down. Its
    /// scripts report with `x()` and `y()` that they run.
    fn behind_a_gate() -> (IsolatedRunner, Sender<()>, std::sync::mpsc::Receiver<char>) {
        let (report, reports) = channel();
        let (open, gate) = channel();
        let gate = Mutex::new(gate);
        let runner = IsolatedRunner::start_with("plugin-test", move || {
            gate.lock().unwrap().recv().unwrap();
            let mut runtime = Runtime::new(Limits::default());
            for name in ['x', 'y'] {
                let report = report.clone();
                runtime.bind_for_test(&name.to_string(), move || report.send(name).is_ok());
            }
            runtime
        });
        (runner.unwrap(), open, reports)
    }

    const X: &str = "fn filter(event) { x() }";

    fn y() -> Job {
        job_of("named/y.rhai", "fn filter(event) { y() }")
    }

    #[tokio::test]
    async fn a_job_that_nobody_waits_for_is_skipped() {
        let (runner, open, reports) = behind_a_gate();
        let mut skipped = Box::pin(runner.run(job(X)));
        let mut kept = Box::pin(runner.run(y()));
        // Both wait for the thread when the first is taken back, in the order of their asking.
        assert!((&mut skipped).now_or_never().is_none());
        assert!((&mut kept).now_or_never().is_none());
        drop(skipped);
        open.send(()).unwrap();
        assert!(kept.await.is_ok());
        assert_eq!(reports.try_iter().collect::<String>(), "y");
    }

    #[tokio::test]
    async fn an_account_that_fills_its_line_delays_others_by_one_run() {
        let (runner, open, reports) = behind_a_gate();
        let mut waiting: Vec<_> = (0..MOST_OF_A_SET)
            .map(|_| Box::pin(runner.run(job(X))))
            .collect();
        for run in &mut waiting {
            assert!(run.now_or_never().is_none());
        }
        let refused = runner.run(job(X)).now_or_never();
        assert!(matches!(refused, Some(Err(IsolatedError::Full))));
        // For another account.
        let of_other = Job {
            account: Some(MAIN_ACCOUNT),
            ..y()
        };
        let mut other = Box::pin(runner.run(of_other));
        assert!((&mut other).now_or_never().is_none());
        // One that was taken back leaves room.
        drop(waiting.pop());
        let mut again = Box::pin(runner.run(job(X)));
        assert!((&mut again).now_or_never().is_none());
        open.send(()).unwrap();
        assert!(again.await.is_ok() && other.await.is_ok());
        let order: String = reports.try_iter().collect();
        assert!(order.starts_with("xyx"), "{order}");
        assert_eq!(order.len(), MOST_OF_A_SET + 1);
    }

    #[tokio::test]
    async fn who_waits_for_a_thread_that_ends_is_told_and_another_can_be_started() {
        let (runner, gate, _reports) = behind_a_gate();
        let mut waiting = Box::pin(runner.run(job(X)));
        assert!((&mut waiting).now_or_never().is_none());
        drop(gate);
        assert_eq!(waiting.await.unwrap_err(), IsolatedError::Gone);
        assert_eq!(runner.run(y()).await.unwrap_err(), IsolatedError::Gone);
        let runner = IsolatedRunner::start("plugin-test", Limits::default()).unwrap();
        assert!(runner.run(job(WELL)).await.is_ok());
    }
}
