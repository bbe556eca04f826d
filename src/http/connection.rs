//! One connection of a client, as the server reads and writes it: cut off when the client is too
//! slow with a head, too slow at reading its answer, or idle for too long.
//!
//! Bodies are read by handlers, which know what they wait for: [`super::body`] bounds them. What
//! is done here with each request is a look at the time and some atomics; a timer is set only
//! when there is none that ends earlier.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, Sleep, sleep_until};

use super::connections::{ConnectionPlace, ConnectionRefusal};
use super::life::Life;
use super::malformed;
use super::pipeline::Pipeline;
use super::problem::{ProblemDetails, ProblemKind};
use super::rules::HttpRules;
use crate::domain::id::RequestId;

/// How many bytes are looked at for one head in all. The server reads a head from its beginning
/// whenever more of it came: a large one in tiny pieces would take much time for few bytes.
const LOOKED_AT: usize = 8 << 20;

/// An answer that is not taken.
struct Stall {
    since: Instant,
    /// Bytes that were taken meanwhile.
    bytes: u64,
}

/// A head that comes.
#[derive(Default)]
struct IncomingHead {
    bytes: usize,
    /// More came since the server looked at it.
    fresh: bool,
    looked_at: usize,
}

pub(super) struct ClientConnection {
    stream: TcpStream,
    place: ConnectionPlace,
    rules: HttpRules,
    timer: Option<Pin<Box<Sleep>>>,
    stall: Option<Stall>,
    head: IncomingHead,
    pipeline: Pipeline,
    /// Whether a search for room can wake it.
    reachable: bool,
}

impl ClientConnection {
    pub(super) fn new(stream: TcpStream, place: ConnectionPlace, rules: HttpRules) -> Self {
        Self {
            stream,
            place,
            rules,
            timer: None,
            stall: None,
            head: IncomingHead::default(),
            pipeline: Pipeline::default(),
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
            life.reach(context.waker());
            self.reachable = true;
        }
        if life.is_sent_away() && life.worth().is_some() {
            return Err(self.cut("another needs its place"));
        }
        if self.stall.is_none() && life.is_busy() {
            return Ok(());
        }
        if life.is_in_head() && self.head.looked_at > LOOKED_AT {
            return Err(self.cut("the head of its request comes in too small pieces"));
        }
        let now = Instant::now();
        let mut deadline = life.deadline(now, self.rules.pace());
        let mut why = if life.is_in_head() {
            "the head of its request is too slow"
        } else {
            "it is idle"
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

    /// Cuts the client off. One that is slow with a head gets an answer that says so, if it
    /// listens.
    fn cut(&self, why: &str) -> io::Error {
        let peer = self.stream.peer_addr().ok();
        let id = RequestId::fresh();
        tracing::debug!(request_id = %id, ?peer, why, "a connection is closed");
        if self.stall.is_none() && self.place.life.is_in_head() {
            let detail = "The head of the request came too slowly.";
            let answer = ProblemDetails::new(ProblemKind::Timeout, detail).raw(id);
            let _ = self.stream.try_write(&answer);
        }
        io::Error::new(io::ErrorKind::TimedOut, why.to_owned())
    }
}

impl AsyncRead for ClientConnection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let own = self.get_mut();
        let before = buffer.filled().len();
        let read = own.next_bytes(context, buffer);
        let life = &own.place.life;
        let bytes = buffer.filled().len() - before;
        match read {
            // The server looks at what came when there is no more for now.
            Poll::Pending if own.head.fresh => {
                own.head.fresh = false;
                own.head.looked_at += own.head.bytes;
            }
            Poll::Pending => {}
            Poll::Ready(Ok(())) if bytes > 0 => {
                let (in_head, first) = life.heard();
                if first || !in_head {
                    own.head = IncomingHead::default();
                }
                if in_head {
                    own.head.bytes += bytes;
                    own.head.fresh = true;
                }
            }
            Poll::Ready(_) => life.ended(),
        }
        read
    }
}

impl ClientConnection {
    /// What the server may have next.
    fn next_bytes(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.pipeline.pauses() {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let life = &self.place.life;
        let due = life.due();
        if life.is_held() || self.pipeline.has_all(due) {
            return self.hold(context);
        }
        if self.pipeline.keeps_some() {
            buffer.put_slice(&self.pipeline.next(buffer.remaining(), due));
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let came = buffer.filled().get(before..).unwrap_or_default();
        let taken = self.pipeline.take(came, due);
        self.pipeline.keep(came.get(taken..).unwrap_or_default());
        buffer.set_filled(before + taken);
        Poll::Ready(Ok(()))
    }

    /// Reads nothing, but notices a client that went away, unless it had sent more before.
    fn hold(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.pipeline.keeps_some() {
            let mut one = [0; 1];
            let mut one = ReadBuf::new(&mut one);
            if ready!(self.stream.poll_peek(context, &mut one))? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
        self.place.life.wait();
        Poll::Pending
    }

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

impl AsyncWrite for ClientConnection {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let own = self.get_mut();
        if let Some(problem) = malformed::problem_of(bytes) {
            // It closes the connection: if this answer is not taken at once, the client gets the
            // server's own.
            let (id, peer) = (RequestId::fresh(), own.stream.peer_addr().ok());
            tracing::debug!(request_id = %id, ?peer, "a head that cannot be read is answered");
            let answer = problem.raw(id);
            if own.stream.try_write(&answer).is_ok() {
                return own.written(Poll::Ready(Ok(bytes.len())), context);
            }
        }
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

    /// The server flushes whenever it looked at the connection and all that it had to write
    /// is taken: what came by then is known to be a whole request or a part of one.
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

/// How many refused clients get an answer at one time; more of them are closed without one.
const MOST_REFUSED: usize = 64;
static REFUSING: Semaphore = Semaphore::const_new(MOST_REFUSED);
/// How long that may take.
const REFUSAL_TIMEOUT: Duration = Duration::from_millis(500);

/// Answers a client for which there is no room.
pub(super) async fn refuse(mut stream: TcpStream, why: ConnectionRefusal, id: RequestId) {
    let Ok(_turn) = REFUSING.try_acquire() else {
        return;
    };
    let answer = ProblemDetails::from(why).raw(id);
    let answered = async {
        stream.write_all(&answer).await?;
        stream.shutdown().await?;
        // What is not read would turn the end into a reset, and the answer would be lost.
        let mut rest = [0; 4_096];
        while stream.read(&mut rest).await? > 0 {}
        Ok::<(), io::Error>(())
    };
    let _ = tokio::time::timeout(REFUSAL_TIMEOUT, answered).await;
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::net::TcpListener;

    use super::*;
    use crate::config::Config;
    use crate::http::connections::Connections;

    /// Sends a head in pieces of that size, each looked at by itself; how many bytes of it were
    /// taken.
    async fn taken(size: usize, bytes: usize) -> usize {
        let rules = HttpRules::new(&Config::load(None, std::iter::empty()).unwrap());
        let place = Connections::new(rules.clone()).enter(None).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut client = TcpStream::connect(address).await.unwrap();
        client.set_nodelay(true).unwrap();
        let mut connection =
            ClientConnection::new(listener.accept().await.unwrap().0, place, rules);
        let (piece, mut sent) = (vec![b'a'; size], 0);
        while sent < bytes {
            client.write_all(&piece).await.unwrap();
            let mut heard = 0;
            while heard < size {
                connection.stream.readable().await.unwrap();
                let mut some = vec![0; size];
                let mut buffer = ReadBuf::new(&mut some);
                let judged = poll_fn(|context| {
                    while Pin::new(&mut connection)
                        .poll_read(context, &mut buffer)
                        .is_ready()
                    {
                        heard += buffer.filled().len();
                        buffer.clear();
                    }
                    Pin::new(&mut connection).poll_flush(context)
                });
                if judged.await.is_err() {
                    return sent;
                }
            }
            sent += size;
        }
        sent
    }

    #[actix_web::test]
    async fn a_head_in_tiny_pieces_is_cut_off_before_it_costs_much() {
        assert!((4_000..5_000).contains(&taken(1, 10_000).await));
        // In packets of the usual size the largest head that is read comes whole.
        assert!(taken(1_460, 131_072).await >= 131_072);
    }
}
