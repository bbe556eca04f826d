//! Ending the HTTP server without a request lost.
//!
//! A client may use a kept connection at any moment, so closing it could lose a request. Herald
//! announces the end instead: once it has begun, each answer says `Connection: close`. Whoever
//! connects meanwhile waits in the queue of the socket, which the next Herald serves if a service
//! manager holds it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::dev::ServerHandle;
use actix_web::http::ConnectionType;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// What was accepted just before the accepting ended is on its way to a worker for less than this.
const SETTLE: Duration = Duration::from_millis(100);
/// How long connections have to end after an answer that announces it. One that is silent for so
/// long is idle, and is closed.
const POLITE: Duration = Duration::from_millis(500);
/// Between two looks whether requests are under way. What was answered is written within it.
const LOOK: Duration = Duration::from_millis(50);
/// How long requests under way have after that.
pub(super) const UNDER_WAY: Duration = Duration::from_secs(2);

/// Whether the end began, and how many connections are open. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Closing(Arc<ClosingState>);

#[derive(Debug)]
struct ClosingState {
    /// As `begin` says, for each answer.
    begun: AtomicBool,
    begin: watch::Sender<bool>,
    open: watch::Sender<usize>,
    /// Requests that are being answered.
    under_way: AtomicUsize,
}

impl Closing {
    pub(super) fn new() -> Self {
        Self(Arc::new(ClosingState {
            begun: AtomicBool::new(false),
            begin: watch::Sender::new(false),
            open: watch::Sender::new(0),
            under_way: AtomicUsize::new(0),
        }))
    }

    /// Counts a connection as open while the returned value lives.
    pub(super) fn connected(&self) -> ConnectionCount {
        self.0.open.send_modify(|open| *open += 1);
        ConnectionCount(Arc::clone(&self.0))
    }

    /// Counts a request as under way while the returned value lives.
    pub(super) fn asked(&self) -> RequestCount {
        self.0.under_way.fetch_add(1, Ordering::Relaxed);
        RequestCount(Arc::clone(&self.0))
    }

    fn begin(&self) {
        self.0.begun.store(true, Ordering::Relaxed);
        self.0.begin.send_replace(true);
    }

    /// Waits until the end begins: answers without an end of their own end then.
    pub(super) async fn begun(&self) {
        // The sender is this one's own.
        let _ = self.0.begin.subscribe().wait_for(|begun| *begun).await;
    }

    /// Marks an answer as the last one of its connection, once the end has begun.
    pub(super) fn mark<B>(&self, answer: &mut HttpResponse<B>) {
        if self.0.begun.load(Ordering::Relaxed) {
            answer.head_mut().set_connection_type(ConnectionType::Close);
        }
    }

    /// Waits until no request is under way, at two looks.
    async fn answered(&self) {
        let mut before = false;
        loop {
            let none = self.0.under_way.load(Ordering::Relaxed) == 0;
            if none && std::mem::replace(&mut before, none) {
                break;
            }
            before = none;
            sleep(LOOK).await;
        }
    }

    async fn emptied(&self) {
        let _ = self.0.open.subscribe().wait_for(|open| *open == 0).await;
    }
}

/// One open connection.
#[derive(Debug)]
pub(super) struct ConnectionCount(Arc<ClosingState>);

impl Drop for ConnectionCount {
    fn drop(&mut self) {
        let fewer = |open: &mut usize| *open = open.saturating_sub(1);
        self.0.open.send_modify(fewer);
    }
}

/// One request under way.
#[derive(Debug)]
pub(super) struct RequestCount(Arc<ClosingState>);

impl Drop for RequestCount {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The way to end a running server.
#[derive(Debug)]
pub struct Closer {
    pub(super) closing: Closing,
    pub(super) handle: ServerHandle,
}

impl Closer {
    /// Accepts nothing more, announces the end to the clients, and waits a bounded time until their
    /// connections ended. Returns false if requests were still under way then.
    pub async fn close(&self) -> bool {
        self.closing.begin();
        self.handle.pause().await;
        let announced = async {
            sleep(SETTLE).await;
            self.closing.emptied().await;
        };
        if timeout(POLITE, announced).await.is_ok() {
            return true;
        }
        // Closes what is idle. It checks once a second whether it is done, which is too seldom.
        let stopping = actix_web::rt::spawn(self.handle.stop(true));
        // A silent connection has nothing to lose.
        let ended = async {
            tokio::select! {
                () = self.closing.emptied() => {}
                () = self.closing.answered() => {}
            }
        };
        let ended = timeout(UNDER_WAY, ended).await.is_ok();
        stopping.abort();
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn the_end_is_awaited_until_the_last_connection_is_closed() {
        let closing = Closing::new();
        let (one, two) = (closing.connected(), closing.connected());
        let emptied = closing.emptied();
        tokio::pin!(emptied);
        assert!(futures_util::poll!(&mut emptied).is_pending());
        drop(one);
        assert!(futures_util::poll!(&mut emptied).is_pending());
        drop(two);
        emptied.await;
    }

    #[actix_web::test]
    async fn a_request_under_way_is_awaited_and_a_silent_connection_is_not() {
        let closing = Closing::new();
        let _silent = closing.connected();
        let asked = closing.asked();
        let answered = closing.answered();
        tokio::pin!(answered);
        assert!(futures_util::poll!(&mut answered).is_pending());
        drop(asked);
        answered.await;
    }

    #[test]
    fn answers_tell_of_the_end_once_it_began() {
        let closing = Closing::new();
        let mut answer = HttpResponse::Ok().finish();
        closing.mark(&mut answer);
        assert_eq!(answer.head().connection_type(), ConnectionType::KeepAlive);
        closing.begin();
        closing.mark(&mut answer);
        assert_eq!(answer.head().connection_type(), ConnectionType::Close);
    }
}
