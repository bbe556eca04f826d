//! One connection of a client, as the server reads and writes it: cut off when the client is too
//! slow with a head, too slow at reading its answer, or idle for too long.
//!
//! Bodies are read by handlers, which know what they wait for: [`super::body`] bounds them. What
//! is done here with each request is a look at the time and some atomics; a timer is set only
//! when there is none that ends earlier.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, Sleep, sleep_until};

use super::connections::{Place, Refusal};
use super::rules::HttpRules;

/// What the times of connections are counted from.
static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);

/// No request is under way.
const IDLE: u8 = 0;
/// Some of a head came.
const HEAD: u8 = 1;
/// A request is being answered.
const BUSY: u8 = 2;
/// Since when is not known yet: the next look at the time says so.
const UNKNOWN: u64 = u64::MAX;

/// What is known of a connection, by who serves it and by who looks for room.
#[derive(Debug)]
pub(super) struct Life {
    phase: AtomicU8,
    /// Since when it is idle, or its head comes: milliseconds from `BEGINNING`.
    since: AtomicU64,
    served: AtomicBool,
    sent_away: AtomicBool,
    waker: AtomicWaker,
}

impl Life {
    pub(super) fn new() -> Self {
        Self {
            phase: AtomicU8::new(IDLE),
            since: AtomicU64::new(millis(Instant::now())),
            served: AtomicBool::new(false),
            sent_away: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        }
    }

    /// A request is being answered.
    pub(super) fn begin(&self) {
        self.served.store(true, Ordering::Relaxed);
        self.phase.store(BUSY, Ordering::Relaxed);
    }

    /// Its answer is known, and perhaps sent.
    pub(super) fn end(&self) {
        self.since.store(UNKNOWN, Ordering::Relaxed);
        self.phase.store(IDLE, Ordering::Relaxed);
    }

    /// Bytes came.
    fn heard(&self) {
        if self.phase.load(Ordering::Relaxed) == IDLE {
            self.since.store(UNKNOWN, Ordering::Relaxed);
            self.phase.store(HEAD, Ordering::Relaxed);
        }
    }

    /// Bytes of an answer were taken: whoever reads a long one does not idle.
    fn spoken(&self) {
        if self.phase.load(Ordering::Relaxed) != BUSY {
            self.since.store(UNKNOWN, Ordering::Relaxed);
        }
    }

    /// Whether a request was made, and since when none is; None: one is being answered. Who is
    /// least worth keeping comes first.
    pub(super) fn waiting(&self) -> Option<(bool, u64)> {
        let waiting = self.phase.load(Ordering::Relaxed) != BUSY;
        let served = self.served.load(Ordering::Relaxed);
        waiting.then(|| (served, self.since.load(Ordering::Relaxed)))
    }

    /// Ends it: another needs its place.
    pub(super) fn send_away(&self) {
        self.sent_away.store(true, Ordering::Release);
        self.waker.wake();
    }

    pub(super) fn is_sent_away(&self) -> bool {
        self.sent_away.load(Ordering::Acquire)
    }

    /// When it is cut off if nothing happens until then; none: a request is being answered.
    fn deadline(&self, now: Instant, rules: &HttpRules) -> Option<Instant> {
        let allowed = match self.phase.load(Ordering::Relaxed) {
            IDLE => rules.pace().idle(),
            HEAD => rules.pace().head(),
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

/// An answer that is not taken.
struct Stall {
    since: Instant,
    /// Bytes that were taken meanwhile.
    bytes: u64,
}

/// The connection.
pub(super) struct Connection {
    stream: TcpStream,
    place: Place,
    rules: HttpRules,
    timer: Option<Pin<Box<Sleep>>>,
    stall: Option<Stall>,
    /// Whether who looks for room can wake it.
    reachable: bool,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, place: Place, rules: HttpRules) -> Self {
        Self {
            stream,
            place,
            rules,
            timer: None,
            stall: None,
            reachable: false,
        }
    }

    /// What is known of it.
    pub(super) fn life(&self) -> &Arc<Life> {
        &self.place.life
    }

    /// Whether the client may go on waiting; if so, it is looked at again when its time is up.
    fn judge(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let life = &self.place.life;
        if !self.reachable {
            // A connection is one task for all of its life.
            life.waker.register(context.waker());
            self.reachable = true;
        }
        if self.stall.is_none() && life.phase.load(Ordering::Relaxed) == BUSY {
            return Ok(());
        }
        if life.is_sent_away() && life.waiting().is_some() {
            return Err(self.cut("another needs its place"));
        }
        let now = Instant::now();
        let mut deadline = life.deadline(now, &self.rules);
        let mut why = match life.phase.load(Ordering::Relaxed) {
            HEAD => "the head of its request is too slow",
            _ => "it is idle",
        };
        if let Some(stall) = &self.stall {
            deadline = Some(stall.since + self.rules.pace().transfer(stall.bytes));
            why = "it does not read its answer";
        }
        let Some(deadline) = deadline else {
            return Ok(());
        };
        if now >= deadline {
            return Err(self.cut(why));
        }
        self.wake_at(deadline, now, context);
        Ok(())
    }

    fn wake_at(&mut self, deadline: Instant, now: Instant, context: &mut Context<'_>) {
        let timer = match &mut self.timer {
            Some(timer) if timer.deadline() <= deadline && timer.deadline() > now => return,
            Some(timer) => {
                timer.as_mut().reset(deadline);
                timer
            }
            none => none.insert(Box::pin(sleep_until(deadline))),
        };
        // It asks to be woken. Should its time be up already, it is looked at once more.
        if timer.as_mut().poll(context).is_ready() {
            context.waker().wake_by_ref();
        }
    }

    /// The client is cut off. Who is slow with a head is told so, if it listens.
    fn cut(&self, why: &str) -> io::Error {
        let peer = self.stream.peer_addr().ok();
        tracing::debug!(?peer, why, "a connection is closed");
        if self.stall.is_none() && self.place.life.phase.load(Ordering::Relaxed) == HEAD {
            let _ = self.stream.try_write(
                b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            );
        }
        io::Error::new(io::ErrorKind::TimedOut, why.to_owned())
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let own = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut own.stream).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            own.place.life.heard();
        }
        Poll::Ready(Ok(()))
    }
}

impl Connection {
    fn written(
        &mut self,
        result: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        match result {
            Poll::Ready(Ok(bytes)) => {
                self.place.life.spoken();
                if let Some(stall) = &mut self.stall {
                    stall.bytes += bytes as u64;
                }
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                self.stall.get_or_insert_with(|| Stall {
                    since: Instant::now(),
                    bytes: 0,
                });
                match self.judge(context) {
                    Ok(()) => Poll::Pending,
                    Err(error) => Poll::Ready(Err(error)),
                }
            }
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let own = self.get_mut();
        let result = Pin::new(&mut own.stream).poll_write(context, bytes);
        own.written(result, context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let own = self.get_mut();
        let result = Pin::new(&mut own.stream).poll_write_vectored(context, bytes);
        own.written(result, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// The server flushes whenever it looked at the connection and all that it had to say is
    /// taken: what came by then is known to be a whole request or a part of one.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let own = self.get_mut();
        ready!(Pin::new(&mut own.stream).poll_flush(context))?;
        own.stall = None;
        Poll::Ready(own.judge(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

/// How many are told at one time why they are refused; more of them are closed without a word.
const TOLD: usize = 64;
static TELLING: Semaphore = Semaphore::const_new(TOLD);
/// How long that may take.
const TELL: Duration = Duration::from_millis(500);

/// Tells somebody that there is no room.
pub(super) async fn refuse(mut stream: TcpStream, why: Refusal) {
    let Ok(_turn) = TELLING.try_acquire() else {
        return;
    };
    let (status, kind, detail) = match why {
        Refusal::Address => (
            "429 Too Many Requests",
            "too-many-connections",
            "This address has too many connections: close some, or ask the operator to raise \
             max_connections_per_address.",
        ),
        Refusal::All => (
            "503 Service Unavailable",
            "unavailable",
            "Too many connections are open. Try again shortly.",
        ),
    };
    let (code, title) = status.split_once(' ').unwrap_or((status, status));
    let body = format!(
        "{{\"type\":\"urn:herald:problem:{kind}\",\"title\":\"{title}\",\"status\":{code},\
         \"detail\":\"{detail}\"}}"
    );
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\nretry-after: 1\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let told = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        // What is not read would turn the end into a reset, and the answer would be lost.
        let mut rest = [0; 4_096];
        while stream.read(&mut rest).await? > 0 {}
        Ok::<(), io::Error>(())
    };
    let _ = tokio::time::timeout(TELL, told).await;
}
