//! What a mail server says, made fit for lettre: lines of UTF-8 that end with CRLF and keep to
//! lettre's length, and one reply for each command.
//!
//! lettre reads replies as UTF-8 alone: a letter in Latin-1 in the reply to a mail that was taken
//! would look like a broken connection, and the mail would be sent again. And it takes whatever
//! comes for the reply to its next command, so that a reply too many would be taken for the answer
//! to the next mail. This file knows lines and whose turn it is, and nothing of what is said.

use std::fmt::{self, Display};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use lettre::transport::smtp::response::Response;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

/// Bytes of a line that are passed on; RFC 5321, 4.5.3.1.5, knows 512, lettre refuses 1,000.
const LINE: usize = 900;
/// Bytes of a line that are waited for. Of such a line only the beginning is passed on.
const RECEIVED: usize = 64 << 10;

/// A connection to a mail server. `S` is TCP, or TLS over it.
pub(super) struct Replies<S> {
    inner: S,
    peer: SocketAddr,
    /// Received, and not passed on yet.
    received: Vec<u8>,
    /// A line as it is passed on, and how much of it was.
    line: Vec<u8>,
    given: usize,
    /// The server owes a reply, or the rest of one.
    owed: bool,
}

impl<S> Replies<S> {
    /// A connection on which the server speaks first.
    pub(super) const fn new(inner: S, peer: SocketAddr) -> Self {
        Self {
            inner,
            peer,
            received: Vec::new(),
            line: Vec::new(),
            given: 0,
            owed: true,
        }
    }

    /// A connection on which the server has spoken already: after STARTTLS it does not greet
    /// again, and lettre waits for a greeting.
    pub(super) fn greeted(inner: S, peer: SocketAddr) -> Self {
        Self {
            line: b"220 encrypted\r\n".to_vec(),
            owed: false,
            ..Self::new(inner, peer)
        }
    }

    /// The connection itself.
    ///
    /// # Errors
    /// When the server has said more than one reply: whoever sits between could have said it.
    pub(super) fn into_inner(self) -> io::Result<S> {
        self.quiet()?;
        Ok(self.inner)
    }

    /// Nothing was received that nobody asked for.
    fn quiet(&self) -> io::Result<()> {
        if self.received.is_empty() {
            return Ok(());
        }
        let more: String = text(&self.received).chars().take(100).collect();
        let more = more.trim_end();
        Err(broken(format!(
            "the mail server sent more than one reply to a command: {more}"
        )))
    }

    /// Passes a whole line on, if one was received.
    fn next_line(&mut self) -> bool {
        let Some(end) = self.received.iter().position(|byte| *byte == b'\n') else {
            return false;
        };
        let line: Vec<u8> = self.received.drain(..=end).collect();
        let mut line = text(&line).trim_end_matches(['\r', '\n']).to_owned();
        let mut cut = line.len().min(LINE);
        while !line.is_char_boundary(cut) {
            cut -= 1;
        }
        line.truncate(cut);
        // RFC 5321, 4.2: a client must take a code without a text.
        if line.len() == 3 {
            line.push(' ');
        }
        self.owed = line.as_bytes().get(3) == Some(&b'-');
        line.push_str("\r\n");
        self.line = line.into_bytes();
        self.given = 0;
        true
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Replies<S> {
    /// Sends a command and reads the reply, without lettre: before a connection is encrypted.
    pub(super) async fn ask(&mut self, command: impl Display) -> io::Result<Response> {
        self.write_all(command.to_string().as_bytes()).await?;
        self.flush().await?;
        self.hear().await
    }

    /// Reads one reply.
    pub(super) async fn hear(&mut self) -> io::Result<Response> {
        let mut reply = String::new();
        while self.owed {
            poll_fn(|cx| self.poll_line(cx)).await?;
            reply.push_str(&text(&self.line));
            self.given = self.line.len();
            if reply.len() > RECEIVED {
                return Err(broken("the reply of the mail server has no end".to_owned()));
            }
        }
        reply
            .parse()
            .map_err(|_nom| broken(format!("this is no reply of a mail server: {reply}")))
    }

    /// Receives until a line is there.
    fn poll_line(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.next_line() {
            if self.received.len() > RECEIVED {
                let error = "a line of the mail server's reply has no end";
                return Poll::Ready(Err(broken(error.to_owned())));
            }
            if ready!(self.poll_receive(cx))? == 0 {
                let reason = "the mail server closed the connection before its reply ended";
                let error = io::Error::new(io::ErrorKind::UnexpectedEof, reason);
                return Poll::Ready(Err(error));
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut space = [0; 2_048];
        let mut buffer = ReadBuf::new(&mut space);
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buffer))?;
        self.received.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    }
}

/// What a server said. Most say ASCII, some UTF-8, older ones what their country writes.
fn text(bytes: &[u8]) -> String {
    let latin = |_utf8| bytes.iter().copied().map(char::from).collect();
    str::from_utf8(bytes).map_or_else(latin, str::to_owned)
}

fn broken(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Replies<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.given == self.line.len() {
            if !self.owed {
                let error = "a reply is waited for that the mail server does not owe";
                return Poll::Ready(Err(broken(error.to_owned())));
            }
            ready!(self.poll_line(cx))?;
        }
        let rest = self.line.get(self.given..).unwrap_or_default();
        let part = rest.get(..buffer.remaining()).unwrap_or(rest);
        buffer.put_slice(part);
        self.given += part.len();
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Replies<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // A command begins. What the server said before it is no reply to it.
        if !self.owed {
            if let Poll::Ready(received) = self.poll_receive(cx)
                && received? == 0
            {
                let reason = "the mail server had closed the connection";
                let error = io::Error::new(io::ErrorKind::UnexpectedEof, reason);
                return Poll::Ready(Err(error));
            }
            self.quiet()?;
        }
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, bytes))?;
        self.owed = true;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl<S> fmt::Debug for Replies<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replies")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + Sync> AsyncTokioStream for Replies<S> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

#[cfg(test)]
mod tests {
    use lettre::transport::smtp::client::AsyncSmtpConnection;
    use lettre::transport::smtp::commands::{Noop, Quit};
    use lettre::transport::smtp::extension::ClientId;
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, DuplexStream, duplex};

    use super::*;

    const PEER: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 25);

    /// A server that says `replies` in turn, one for each command, the first unasked.
    async fn serve(mut server: DuplexStream, replies: Vec<Vec<u8>>) {
        for reply in replies {
            // Each byte on its own: no reply is cut where it suits.
            for byte in reply {
                if server.write_all(&[byte]).await.is_err() {
                    return;
                }
                tokio::task::yield_now().await;
            }
            let mut command = [0; 512];
            if server.read(&mut command).await.is_ok_and(|read| read == 0) {
                return;
            }
        }
    }

    async fn said(reply: &[u8]) -> Result<String, String> {
        let (near, far) = duplex(4_096);
        let greeting = b"220 mx\r\n".to_vec();
        actix_rt::spawn(serve(
            far,
            vec![greeting, b"250 mx\r\n".to_vec(), reply.to_vec()],
        ));
        let hello = ClientId::Domain("example.com".to_owned());
        let stream = Box::new(Replies::new(near, PEER));
        let mut connection = AsyncSmtpConnection::connect_with_transport(stream, &hello)
            .await
            .unwrap();
        let reply = connection
            .command(Noop)
            .await
            .map_err(|it| it.to_string())?;
        Ok(reply.message().collect::<Vec<_>>().join("|"))
    }

    #[actix_rt::test]
    async fn replies_are_read_whatever_their_encoding_and_their_line_ends() {
        let long = ["250 ", &"x".repeat(5_000), "\r\n"].concat();
        for (reply, expected) in [
            (
                &b"250 2.0.0 F\xfcr Zustellung angenommen\r\n"[..],
                "2.0.0 Für Zustellung angenommen",
            ),
            ("250 Grüße\r\n".as_bytes(), "Grüße"),
            (b"250-\xe4\r\n250 \xc3\xa4\r\n", "ä|ä"),
            (b"250\r\n", ""),
            (b"250 ok\n", "ok"),
            (long.as_bytes(), &"x".repeat(LINE - 4)),
        ] {
            assert_eq!(said(reply).await.as_deref(), Ok(expected), "{reply:?}");
        }
        let refused = said(b"550 5.1.1 Empf\xe4nger unbekannt\r\n")
            .await
            .unwrap_err();
        assert!(refused.contains("550"), "{refused}");
    }

    #[actix_rt::test]
    async fn a_reply_that_nobody_asked_for_is_not_taken_for_the_next_answer() {
        let (near, far) = duplex(4_096);
        let replies = [
            &b"220 mx\r\n"[..],
            b"250 mx\r\n",
            b"250 ok\r\n250 and more\r\n",
        ];
        actix_rt::spawn(serve(far, replies.map(<[u8]>::to_vec).to_vec()));
        let hello = ClientId::Domain("example.com".to_owned());
        let stream = Box::new(Replies::new(near, PEER));
        let mut connection = AsyncSmtpConnection::connect_with_transport(stream, &hello)
            .await
            .unwrap();
        connection.command(Noop).await.unwrap();
        // Until all of it has arrived.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        let next = connection.command(Quit).await.unwrap_err();
        assert!(format!("{next:?}").contains("and more"), "{next:?}");
    }

    #[actix_rt::test]
    async fn what_follows_the_reply_to_starttls_in_plain_is_found() {
        let (near, mut far) = duplex(4_096);
        far.write_all(b"220 go\r\n250 in plain\r\n").await.unwrap();
        let mut replies = Replies::new(near, PEER);
        assert!(replies.hear().await.unwrap().is_positive());
        assert!(replies.into_inner().is_err());
    }

    proptest! {
        #[test]
        fn any_line_of_any_bytes_is_one_line_that_lettre_takes(line in "[2-5][0-9][0-9][ -]", rest: Vec<u8>) {
            let mut replies = Replies::new((), PEER);
            let rest: Vec<u8> = rest.into_iter().filter(|byte| *byte != b'\n').collect();
            replies.received = [line.as_bytes(), &rest, b"\r\n"].concat();
            prop_assert!(replies.next_line());
            prop_assert!(replies.received.is_empty());
            let passed = String::from_utf8(replies.line).unwrap();
            prop_assert!(passed.len() < 1_000 && passed.ends_with("\r\n"));
            prop_assert_eq!(passed.matches('\n').count(), 1);
            prop_assert_eq!(replies.owed, line.ends_with('-'));
        }
    }
}
