//! A connection in memory: what a receiver sends, piece by piece, and how it ends. It reads
//! whatever is written.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_rt::net::{ActixStream, Ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It does not.
    Open,
    Closed,
    Reset,
}

/// What comes over a connection once a request is written.
#[derive(Debug, Clone)]
pub(super) struct Script {
    pub(super) pieces: Vec<Vec<u8>>,
    pub(super) end: End,
}

impl Script {
    pub(super) fn whole(bytes: &[u8], end: End) -> Self {
        Self {
            pieces: vec![bytes.to_vec()],
            end,
        }
    }

    pub(super) fn in_bytes(bytes: &[u8], end: End) -> Self {
        Self {
            pieces: bytes.iter().map(|byte| vec![*byte]).collect(),
            end,
        }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.pieces.concat()
    }
}

struct State {
    pieces: VecDeque<Vec<u8>>,
    end: End,
    /// Each piece is waited for.
    waits: bool,
    waited: bool,
    requests: usize,
    /// A request is being written.
    writing: bool,
}

/// A connection that follows a script.
#[derive(Clone)]
pub(super) struct Line(Rc<RefCell<State>>);

impl Line {
    pub(super) fn new(script: &Script) -> Self {
        Self(Rc::new(RefCell::new(State {
            pieces: script.pieces.iter().cloned().collect(),
            end: script.end,
            waits: true,
            waited: false,
            requests: 0,
            writing: false,
        })))
    }

    /// Everything that comes is there now.
    pub(super) fn settle(&self) {
        self.0.borrow_mut().waits = false;
    }

    /// How many requests were written.
    pub(super) fn requests(&self) -> usize {
        self.0.borrow().requests
    }

    /// What is there now.
    fn poll_piece(&self, most: usize) -> Poll<io::Result<Vec<u8>>> {
        let mut state = self.0.borrow_mut();
        state.writing = false;
        if state.requests == 0 {
            return Poll::Pending;
        }
        let waits = state.waits;
        if waits && !std::mem::replace(&mut state.waited, true) {
            return Poll::Pending;
        }
        state.waited = false;
        let end = state.end;
        match state.pieces.front_mut() {
            Some(piece) => {
                let rest = piece.split_off(most.min(piece.len()));
                let came = std::mem::replace(piece, rest);
                if piece.is_empty() {
                    state.pieces.pop_front();
                }
                Poll::Ready(Ok(came))
            }
            None => match end {
                End::Open => Poll::Pending,
                End::Closed => Poll::Ready(Ok(Vec::new())),
                End::Reset => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            },
        }
    }

    fn wrote(&self) {
        let mut state = self.0.borrow_mut();
        state.requests += usize::from(!state.writing);
        state.writing = true;
    }
}

impl AsyncRead for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let piece = self.poll_piece(buf.remaining());
        piece.map_ok(|piece| buf.put_slice(&piece))
    }
}

impl hyper::rt::Read for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut buf: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let piece = self.poll_piece(buf.remaining());
        piece.map_ok(|piece| buf.put_slice(&piece))
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.wrote();
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl hyper::rt::Write for Line {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.wrote();
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl ActixStream for Line {
    fn poll_read_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        Poll::Ready(Ok(Ready::READABLE))
    }

    fn poll_write_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        Poll::Ready(Ok(Ready::WRITABLE))
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").finish_non_exhaustive()
    }
}
