//! The stream beneath awc: it hands on each answer so that it can be read in one way only. awc's
//! decoder takes an interim head for the final one, an answer without a length for empty and one
//! that breaks off in chunks for whole; it hears no answer while it sends; and its pool keeps what
//! the receiver will close.
//!
//! The wire reads an answer itself, to its end. Then awc sees a status, a length, a body, and
//! `connection: close` where no other request may follow; or an error. The header fields go past
//! awc, which takes 96 of them. It knows neither targets nor addresses.

mod answer;
mod chunks;
mod head;
mod idle;
/// What bounds an answer, for the reference.
#[cfg(test)]
pub(crate) mod bounds {
    pub(crate) use super::answer::{EXCERPT, MOST_INTERIM};
    pub(crate) use super::head::{KEPT as KEPT_FIELDS, MOST_FIELDS, MOST_HEAD};
    pub(crate) use super::idle::{AHEAD, KEPT as KEPT_OPEN};
}

#[cfg(test)]
mod oracle;

use std::cell::RefCell;
use std::fmt;
use std::io::{self, Write as _};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use actix_rt::net::{ActixStream, Ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use self::answer::{End, Reading};
pub(super) use self::idle::Idle;
use super::failure::RequestFailure;
use super::progress::{Heard, note};

/// Bytes that are read at once.
const ROOM: usize = 8 << 10;
/// How long a receiver that has said 2xx may leave the rest of the request unread. It said yes
/// before it read the end, so it may want it, or may have stopped reading.
const STALLED: Duration = Duration::from_millis(250);

/// A connection. awc's pool holds it while it is kept.
pub(super) struct Wire<S> {
    core: Rc<RefCell<Core<S>>>,
}

/// What [`Wire`] and [`Idle`] share.
struct Core<S> {
    /// None: it is closed.
    stream: Option<S>,
    idle: Rc<Idle<S>>,
    /// An answer was read on it before.
    reused: bool,
    /// Set while it is kept for another request.
    kept_until: Option<Instant>,
    /// An exchange runs.
    busy: bool,
    reading: Reading,
    /// The answer broke off or is none.
    failed: Option<RequestFailure>,
    /// The rest of the request is dropped: the answer is there.
    swallows: bool,
    stalled: Option<Pin<Box<Sleep>>>,
    /// What awc is to see of the answer, and how much of it awc has taken.
    shown: Vec<u8>,
    taken: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> Wire<S> {
    /// A new connection, which `idle` looks after while it is kept.
    pub(super) fn new(stream: S, idle: &Rc<Idle<S>>) -> Self {
        let core = Rc::new(RefCell::new(Core {
            stream: Some(stream),
            idle: Rc::clone(idle),
            reused: false,
            kept_until: None,
            busy: false,
            reading: Reading::default(),
            failed: None,
            swallows: false,
            stalled: None,
            shown: Vec::new(),
            taken: 0,
        }));
        idle.add(&core);
        Self { core }
    }
}

impl<S> Core<S> {
    fn close(&mut self) {
        self.stream = None;
        self.kept_until = None;
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> Core<S> {
    /// Looks whether a kept connection may be taken. Pending: it may, as awc's pool wants it.
    fn poll_kept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let kept = self.kept_until.take();
        let wanted = !note(|progress| progress.fresh.get()).unwrap_or_default();
        if wanted
            && kept.is_some_and(|until| Instant::now() < until)
            && let Some(stream) = &mut self.stream
            // Whatever comes now, an end or bytes that nobody asked for, makes it useless.
            && Pin::new(stream)
                .poll_read(cx, &mut ReadBuf::new(&mut [0]))
                .is_pending()
        {
            return Poll::Pending;
        }
        self.close();
        Poll::Ready(Ok(()))
    }

    /// Reads the answer. Ready: it has ended, in whatever way.
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.failed.is_none() && self.reading.end().is_none() {
            let mut room = [const { MaybeUninit::uninit() }; ROOM];
            let mut room = ReadBuf::uninit(&mut room);
            let came = match &mut self.stream {
                Some(stream) => ready!(Pin::new(stream).poll_read(cx, &mut room)),
                None => Ok(()),
            };
            let read = match came {
                Ok(()) if !room.filled().is_empty() => self.reading.feed(room.filled()),
                Ok(()) => self.ended(),
                // TLS that ends without saying so. It matters where the end is the body's end:
                // the log then keeps what came.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => self.ended(),
                Err(error) => {
                    self.note_stale(&error);
                    Err(self.reading.broken(error))
                }
            };
            self.failed = read.err();
            if let Some(fields) = self.reading.take_fields() {
                let heard = Heard {
                    status: self.reading.status().unwrap_or_default(),
                    fields,
                    partial: Vec::new(),
                    truncated: false,
                };
                note(|progress| {
                    progress.head_at.set(Some(Instant::now()));
                    progress.heard.replace(Some(heard));
                });
            }
        }
        Poll::Ready(())
    }

    fn ended(&mut self) -> Result<(), RequestFailure> {
        self.note_stale(&io::ErrorKind::UnexpectedEof.into());
        self.reading.finish()
    }

    /// A kept connection that ends before any byte of the answer had ended before the request,
    /// as far as anybody can tell: the client tries once more.
    fn note_stale(&self, error: &io::Error) {
        let gone = matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
        );
        if gone && self.reused && !self.reading.began() {
            note(|progress| progress.stale.set(true));
        }
    }

    /// Sends something of the request with `send`, which returns how many bytes the stream took.
    /// A receiver may answer before it has read all: then the rest, `length` bytes at least, is
    /// dropped.
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        length: usize,
        send: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if !self.busy {
            self.busy = true;
            self.kept_until = None;
        }
        if self.swallows {
            return Poll::Ready(Ok(length));
        }
        let sent = match &mut self.stream {
            Some(stream) => send(Pin::new(stream), cx),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        };
        let broken = match sent {
            Poll::Ready(Ok(taken)) => {
                self.stalled = None;
                return Poll::Ready(Ok(taken));
            }
            Poll::Ready(Err(error)) => Some(error),
            Poll::Pending => None,
        };
        // Linux keeps what came before a reset, so an answer may be there all the same.
        let ended = self.poll_answer(cx).is_ready();
        let success = matches!(self.reading.status(), Some(200..300));
        let whole = ended && self.failed.is_none();
        if self.reading.status().is_some() && !success
            || whole && (broken.is_some() || self.poll_stalled(cx).is_ready())
        {
            self.swallows = true;
            return Poll::Ready(Ok(length));
        }
        match (self.failed.take(), broken) {
            (Some(failure), _) => Poll::Ready(Err(failure.into())),
            (None, Some(error)) => {
                self.note_stale(&error);
                Poll::Ready(Err(self.reading.broken(error).into()))
            }
            (None, None) => Poll::Pending,
        }
    }

    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let begin = || Box::pin(tokio::time::sleep(STALLED));
        self.stalled.get_or_insert_with(begin).as_mut().poll(cx)
    }

    /// Writes down the answer for awc.
    fn show(&mut self) -> io::Result<()> {
        if let Some(failure) = self.failed.take() {
            return Err(failure.into());
        }
        let length = self.reading.data().len();
        let status = self.reading.status().unwrap_or_default();
        write!(
            self.shown,
            "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n"
        )?;
        if self.swallows || self.reading.reusable().is_none() {
            self.shown.extend_from_slice(b"connection: close\r\n");
        }
        self.shown.extend_from_slice(b"\r\n");
        self.shown.append(self.reading.data());
        if self.reading.end() == Some(End::Longer) {
            note(|progress| {
                if let Some(heard) = &mut *progress.heard.borrow_mut() {
                    heard.truncated = true;
                }
            });
        }
        Ok(())
    }

    /// awc has taken all: the connection may be kept.
    fn rest(&mut self) {
        if let (Some(head), false) = (self.reading.reusable(), self.swallows) {
            let until = Instant::now() + idle::kept_for(head.keep_alive);
            self.kept_until = Some(until);
            self.idle.until(until);
        }
        self.reused = true;
        self.busy = false;
        self.reading = Reading::default();
        self.swallows = false;
        self.stalled = None;
        self.shown.clear();
        self.shown.shrink_to(1 << 10);
        self.taken = 0;
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> AsyncRead for Wire<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut core = self.core.borrow_mut();
        if !core.busy {
            return core.poll_kept(cx);
        }
        if core.shown.is_empty() {
            ready!(core.poll_answer(cx));
            core.show()?;
        }
        let left = core.shown.get(core.taken..).unwrap_or_default();
        let taken = left.len().min(buf.remaining());
        buf.put_slice(left.get(..taken).unwrap_or_default());
        core.taken += taken;
        if core.taken == core.shown.len() {
            core.rest();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> AsyncWrite for Wire<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut core = self.core.borrow_mut();
        core.poll_send(cx, buf.len(), |stream, cx| stream.poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut core = self.core.borrow_mut();
        let flushed = core.poll_send(cx, 0, |stream, cx| stream.poll_flush(cx).map_ok(|()| 0));
        flushed.map_ok(|_| ())
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.core.borrow_mut().stream {
            Some(stream) => Pin::new(stream).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

/// What came of an answer that did not become whole is worth a look.
impl<S> Drop for Wire<S> {
    fn drop(&mut self) {
        let mut core = self.core.borrow_mut();
        core.idle.forget(&self.core);
        if core.busy {
            let partial = std::mem::take(core.reading.data());
            note(|progress| {
                if let Some(heard) = &mut *progress.heard.borrow_mut() {
                    heard.partial = partial;
                }
            });
        }
    }
}

/// awc asks for it and never calls it.
impl<S: AsyncRead + AsyncWrite + Unpin + 'static> ActixStream for Wire<S> {
    fn poll_read_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        Poll::Ready(Ok(Ready::READABLE))
    }

    fn poll_write_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        Poll::Ready(Ok(Ready::WRITABLE))
    }
}

impl<S> fmt::Debug for Wire<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}
