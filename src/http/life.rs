//! What is known of one connection, for its server and for the search for room: what it does,
//! since when, and whether its caller is known. Atomics alone: each request touches them.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::Waker;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::time::Instant;

use super::pipeline::NextPart;
use super::rules::Pace;

/// What the times of connections are counted from.
static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);

/// No request is under way.
const IDLE: u8 = 0;
/// Some of a head came.
const HEAD: u8 = 1;
/// The rest of a request's body is awaited; nothing was done with it.
const READING: u8 = 2;
/// A request is being answered.
const BUSY: u8 = 3;
/// Since when is not known yet: the next look at the time says so.
const UNKNOWN: u64 = u64::MAX;

/// One connection.
#[derive(Debug)]
pub(super) struct Life {
    /// Its number among all since the start.
    pub number: u64,
    /// It comes from a trusted proxy.
    proxy: bool,
    phase: AtomicU8,
    /// Since when it is idle, its head comes, or its body is awaited: milliseconds from
    /// `BEGINNING`.
    since: AtomicU64,
    served: AtomicBool,
    /// A token or a session was accepted on it, or it is a trusted proxy's.
    known: AtomicBool,
    /// It counts for the client of the request that a proxy forwards.
    carried: AtomicBool,
    sent_away: AtomicBool,
    /// What comes next, as a number: the body of a request until its whole answer is with the
    /// server, else a head.
    due: AtomicU64,
    /// More came meanwhile, which is not read.
    waiting: AtomicBool,
    /// The client sends nothing more.
    ended: AtomicBool,
    waker: AtomicWaker,
}

impl Life {
    pub(super) fn new(number: u64, proxy: bool) -> Self {
        Self {
            number,
            proxy,
            phase: AtomicU8::new(IDLE),
            since: AtomicU64::new(millis(Instant::now())),
            served: AtomicBool::new(false),
            known: AtomicBool::new(proxy),
            carried: AtomicBool::new(false),
            sent_away: AtomicBool::new(false),
            due: AtomicU64::new(NextPart::Head.number()),
            waiting: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        }
    }

    /// A request is being answered, whose body is this.
    pub(super) fn begin(&self, body: NextPart) {
        self.due.store(body.number(), Ordering::Relaxed);
        self.served.store(true, Ordering::Relaxed);
        self.phase.store(BUSY, Ordering::Relaxed);
    }

    /// Its body is awaited, or there.
    pub(super) fn reading(&self, awaited: bool) {
        if awaited {
            self.since.store(millis(Instant::now()), Ordering::Relaxed);
        }
        let phase = if awaited { READING } else { BUSY };
        self.phase.store(phase, Ordering::Relaxed);
        if awaited {
            self.read_on();
        }
    }

    /// Its answer is known, and perhaps sent.
    pub(super) fn end(&self) {
        self.since.store(UNKNOWN, Ordering::Relaxed);
        self.phase.store(IDLE, Ordering::Relaxed);
    }

    /// The whole answer is with the server.
    pub(super) fn answered(&self) {
        self.due.store(NextPart::Head.number(), Ordering::Relaxed);
        self.read_on();
    }

    /// Whether what comes has to wait: a request is being answered that awaits nothing.
    pub(super) fn is_held(&self) -> bool {
        self.due() != NextPart::Head && self.phase.load(Ordering::Relaxed) != READING
    }

    /// What comes next.
    pub(super) fn due(&self) -> NextPart {
        NextPart::of(self.due.load(Ordering::Relaxed))
    }

    /// Something came that waits.
    pub(super) fn wait(&self) {
        self.waiting.store(true, Ordering::Relaxed);
    }

    fn read_on(&self) {
        if self.waiting.swap(false, Ordering::Relaxed) {
            self.wake();
        }
    }

    /// Bytes came. Whether they belong to a head, and whether they are its first.
    pub(super) fn heard(&self) -> (bool, bool) {
        match self.phase.load(Ordering::Relaxed) {
            IDLE => {
                self.since.store(UNKNOWN, Ordering::Relaxed);
                self.phase.store(HEAD, Ordering::Relaxed);
                (true, true)
            }
            phase => (phase == HEAD, false),
        }
    }

    /// Bytes of an answer were taken: whoever reads a long one does not idle.
    pub(super) fn spoken(&self) {
        if !matches!(self.phase.load(Ordering::Relaxed), BUSY | READING) {
            self.since.store(UNKNOWN, Ordering::Relaxed);
        }
    }

    /// Its client sends nothing more.
    pub(super) fn ended(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    pub(super) fn is_busy(&self) -> bool {
        self.phase.load(Ordering::Relaxed) == BUSY
    }

    /// Whether a part of a head came.
    pub(super) fn is_in_head(&self) -> bool {
        self.phase.load(Ordering::Relaxed) == HEAD
    }

    /// What it is worth; the connection with the least is sent away first: one without a request
    /// so far, one with some, one whose request still comes, one that answers a stranger; of
    /// equals the one that waits for longest. None: a known caller's request is being answered.
    pub(super) fn worth(&self) -> Option<(u8, u64)> {
        let served = self.served.load(Ordering::Relaxed);
        let rank = match self.phase.load(Ordering::Relaxed) {
            BUSY if self.is_known() => return None,
            BUSY => 3,
            READING => 2,
            _ => u8::from(served),
        };
        Some((rank, self.since.load(Ordering::Relaxed)))
    }

    pub(super) const fn is_proxy(&self) -> bool {
        self.proxy
    }

    pub(super) fn is_known(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    pub(super) fn set_known(&self, known: bool) {
        self.known.store(known, Ordering::Relaxed);
    }

    pub(super) fn is_carried(&self) -> bool {
        self.carried.load(Ordering::Relaxed)
    }

    pub(super) fn set_carried(&self, carried: bool) {
        self.carried.store(carried, Ordering::Relaxed);
    }

    /// Its task is woken by that from now on: a connection is one task for all of its life.
    pub(super) fn reach(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// Makes its task look at it.
    pub(super) fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            // It can be woken again: its task registers only once.
            self.waker.register(&waker);
            waker.wake();
        }
    }

    /// Ends it: another needs its place.
    pub(super) fn send_away(&self) {
        self.sent_away.store(true, Ordering::Release);
        self.wake();
    }

    pub(super) fn is_sent_away(&self) -> bool {
        self.sent_away.load(Ordering::Acquire)
    }

    /// When it is cut off if nothing happens until then; none: a request is being answered, or
    /// its body read.
    pub(super) fn deadline(&self, now: Instant, pace: &Pace) -> Option<Instant> {
        let allowed = match self.phase.load(Ordering::Relaxed) {
            IDLE => pace.idle(),
            HEAD => pace.head(),
            _ => return None,
        };
        let since = match self.since.load(Ordering::Relaxed) {
            UNKNOWN => {
                self.since.store(millis(now), Ordering::Relaxed);
                now
            }
            since => *BEGINNING + Duration::from_millis(since),
        };
        Some(since + allowed)
    }
}

fn millis(time: Instant) -> u64 {
    let since = time.saturating_duration_since(*BEGINNING);
    u64::try_from(since.as_millis()).unwrap_or(UNKNOWN - 1)
}
