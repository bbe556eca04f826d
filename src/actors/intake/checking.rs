//! The threads that compile the schemas of accounts and apply them, so that an expensive one
//! delays its own account alone. Each account has a queue, and the queues take turns. It knows
//! neither what becomes of a mismatch nor which schemas there are.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::actors::routing::own_schema::CompiledSchemas;
use crate::actors::routing::{Schema, TypeEntry};
use crate::catalogue::{Load, Validator, Violation};
use crate::domain::event::parse_document;
use crate::domain::fair_queue::FairQueue;
use crate::domain::id::AccountId;

/// Requests of one account that wait.
const MOST_OF_ACCOUNT: usize = 512;
/// Requests that wait in all.
const MOST_WAITING: usize = 8_192;
/// How long one account may keep a thread while others wait, beyond the event under way.
const SLICE: Duration = Duration::from_millis(5);
/// Threads, at most: a quarter of the cores.
const MOST_THREADS: usize = 4;
/// Schemas and payloads are walked by recursion.
const STACK_BYTES: usize = 8 << 20;
/// How nice the threads are to the others (of 19).
const NICENESS: i32 = 4;

/// An event that is to be checked.
#[derive(Debug)]
pub struct Check {
    /// Its type.
    pub entry: Arc<TypeEntry>,
    /// Its bytes.
    pub body: Bytes,
    /// The same, read, if that was done.
    pub document: Option<Value>,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// The event fits.
    Fits,
    /// It does not.
    Unfit(Vec<Violation>),
    /// It is not known whether it fits; the reason.
    Unchecked(String),
}

/// How many bytes the patterns of a schema take that somebody makes; or what is wrong with it, or
/// with its example: pointers and details.
pub type JudgedSchema = Result<usize, Vec<(String, String)>>;

enum CheckJob {
    Events {
        waiting: std::vec::IntoIter<Check>,
        done: Vec<Checked>,
        reply: oneshot::Sender<Vec<Checked>>,
    },
    Schema {
        schema: Value,
        example: Option<Value>,
        reply: oneshot::Sender<JudgedSchema>,
    },
}

impl CheckJob {
    fn is_wanted(&self) -> bool {
        match self {
            Self::Events { reply, .. } => !reply.is_closed(),
            Self::Schema { reply, .. } => !reply.is_closed(),
        }
    }
}

/// A handle on the threads, which end with the last one.
#[derive(Clone)]
pub(crate) struct Checker(Arc<CheckerHandle>);

struct CheckerHandle(Arc<CheckerShared>);

struct CheckerShared {
    state: Mutex<CheckerState>,
    ready: Condvar,
    schemas: CompiledSchemas,
}

struct CheckerState {
    queue: FairQueue<AccountId, (AccountId, CheckJob)>,
    closed: bool,
}

impl Checker {
    /// Starts the threads.
    pub(crate) fn start() -> io::Result<Self> {
        let shared = Arc::new(CheckerShared {
            state: Mutex::new(CheckerState {
                queue: FairQueue::new(MOST_OF_ACCOUNT, MOST_WAITING),
                closed: false,
            }),
            ready: Condvar::new(),
            schemas: CompiledSchemas::default(),
        });
        let cores = thread::available_parallelism().map_or(1, usize::from);
        for number in 1..=(cores / 4).clamp(1, MOST_THREADS) {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name(format!("schemas-{number}"))
                .stack_size(STACK_BYTES)
                .spawn(move || shared.work())?;
        }
        Ok(Self(Arc::new(CheckerHandle(shared))))
    }

    /// Checks events of one request, in their order.
    pub(crate) async fn check(&self, account: AccountId, checks: Vec<Check>) -> Vec<Checked> {
        let number = checks.len();
        let (reply, done) = oneshot::channel();
        let job = CheckJob::Events {
            waiting: checks.into_iter(),
            done: Vec::with_capacity(number),
            reply,
        };
        let unchecked = |why: &str| vec![Checked::Unchecked(why.to_owned()); number];
        if !self.0.0.put(account, job) {
            return unchecked("too many events of the account wait for their check already");
        }
        done.await
            .unwrap_or_else(|_gone| unchecked("checking it failed"))
    }

    /// Compiles a schema by the rules for new ones, and holds its example to it. None: too much of
    /// the account waits already.
    pub(crate) async fn judge(
        &self,
        account: AccountId,
        schema: Value,
        example: Option<Value>,
    ) -> Option<JudgedSchema> {
        let (reply, judged) = oneshot::channel();
        let job = CheckJob::Schema {
            schema,
            example,
            reply,
        };
        if !self.0.0.put(account, job) {
            return None;
        }
        judged.await.ok()
    }
}

impl Drop for CheckerHandle {
    fn drop(&mut self) {
        self.0.locked().closed = true;
        self.0.ready.notify_all();
    }
}

impl CheckerShared {
    fn locked(&self) -> MutexGuard<'_, CheckerState> {
        // Nobody panics while the queue is half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, account: AccountId, job: CheckJob) -> bool {
        let mut state = self.locked();
        let is_wanted = |(_, job): &(AccountId, CheckJob)| job.is_wanted();
        let put = state.queue.push(account, (account, job), is_wanted);
        drop(state);
        self.ready.notify_one();
        put.is_ok()
    }

    /// Waits for the next job; `None`: there will be none.
    fn take(&self) -> Option<(AccountId, CheckJob)> {
        let mut state = self.locked();
        loop {
            match state.queue.pop() {
                Some(next) => return Some(next),
                None if state.closed => return None,
                None => {
                    let woken = self.ready.wait(state);
                    state = woken.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    fn work(&self) {
        // On Linux a priority belongs to the thread that asks, not to its process.
        if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
            tracing::warn!(%error, "a thread that checks schemas keeps the usual priority");
        }
        while let Some((account, job)) = self.take() {
            if !job.is_wanted() {
                continue;
            }
            // What panics drops its reply, so that whoever asked learns of it.
            let done = catch_unwind(AssertUnwindSafe(|| self.turn(job)));
            if let Ok(Some(rest)) = done {
                self.locked().queue.put_back(account, (account, rest));
            }
        }
    }

    /// Works on a job for one turn. What is left of it comes back.
    fn turn(&self, job: CheckJob) -> Option<CheckJob> {
        match job {
            CheckJob::Schema {
                schema,
                example,
                reply,
            } => {
                let _ = reply.send(judge(&schema, example.as_ref()));
                None
            }
            CheckJob::Events {
                mut waiting,
                mut done,
                reply,
            } => {
                let begun = Instant::now();
                for check in waiting.by_ref() {
                    done.push(self.check(check));
                    if begun.elapsed() >= SLICE {
                        break;
                    }
                }
                if waiting.len() > 0 {
                    return Some(CheckJob::Events {
                        waiting,
                        done,
                        reply,
                    });
                }
                // Whoever asked may have gone meanwhile.
                let _ = reply.send(done);
                None
            }
        }
    }

    fn check(&self, check: Check) -> Checked {
        let validator = match &check.entry.schema {
            None => return Checked::Fits,
            Some(Schema::Builtin(validator)) => Ok(Arc::clone(validator)),
            Some(Schema::Own(schema)) => self.schemas.get(schema),
        };
        let validator = match validator {
            Ok(validator) => validator,
            Err(reason) => return Checked::Unchecked(reason),
        };
        if let Some(reason) = validator.refuses(&Load::of(&check.body)) {
            return Checked::Unchecked(reason);
        }
        let document = match check.document {
            Some(document) => document,
            None => match parse_document(&check.body) {
                Ok((_, document)) => document,
                Err(error) => return Checked::Unchecked(error.to_string()),
            },
        };
        let violations = validator.validate(&document);
        if violations.is_empty() {
            Checked::Fits
        } else {
            Checked::Unfit(violations)
        }
    }
}

fn judge(schema: &Value, example: Option<&Value>) -> JudgedSchema {
    let validator = Validator::compile(schema)
        .map_err(|error| vec![(format!("/schema{}", error.pointer), error.detail)])?;
    let Some(example) = example else {
        return Ok(validator.pattern_bytes());
    };
    let load = Load::of(example.to_string().as_bytes());
    if let Some(reason) = validator.refuses(&load) {
        let detail = format!("cannot be held to the schema: {reason}");
        return Err(vec![("/example".to_owned(), detail)]);
    }
    let wrong: Vec<_> = validator
        .validate(example)
        .into_iter()
        .map(|violation| {
            let detail = format!("does not fit the schema: {}", violation.detail);
            (format!("/example{}", violation.pointer), detail)
        })
        .collect();
    if wrong.is_empty() {
        Ok(validator.pattern_bytes())
    } else {
        Err(wrong)
    }
}
