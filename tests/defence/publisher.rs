//! A publisher of events of several kinds that takes the time of each request.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::Herald;
use crate::{connect_from, head};

/// Where it comes from, which is nobody else's address.
const FROM: u8 = 9;
/// What one request may take.
const MOST: Duration = Duration::from_secs(10);

/// What is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// 400 bytes, on a connection that is kept.
    Small,
    /// The same on a connection of its own.
    Fresh,
    /// 30 bytes in five chunks.
    Chunks,
    /// 600 KB.
    Large,
    /// 100 events of 400 bytes.
    Batch,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [
        Self::Small,
        Self::Fresh,
        Self::Chunks,
        Self::Large,
        Self::Batch,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Small => "400 bytes",
            Self::Fresh => "400 bytes, each on a new connection",
            Self::Chunks => "30 bytes in chunks",
            Self::Large => "600 KB",
            Self::Batch => "a batch of 100",
        }
    }
}

/// The publisher.
pub(crate) struct Publisher<'a> {
    herald: &'a Herald,
    token: &'a str,
    kept: Option<TcpStream>,
    /// Requests that got no 202.
    pub(crate) failed: usize,
}

fn event(bytes: usize) -> Vec<u8> {
    let begin = "{\"event_type\":\"ORDER_CREATED\",\"data\":{\"id\":\"1\",\"filling\":\"";
    let end = "\"}}";
    let filling = "x".repeat(bytes - begin.len() - end.len());
    format!("{begin}{filling}{end}").into_bytes()
}

impl<'a> Publisher<'a> {
    pub(crate) fn new(herald: &'a Herald, token: &'a str) -> Self {
        Self {
            herald,
            token,
            kept: None,
            failed: 0,
        }
    }

    /// Publishes once; how long it took. What fails counts as the most that it may take.
    pub(crate) fn publish(&mut self, kind: Kind) -> Duration {
        let body = match kind {
            Kind::Small | Kind::Fresh => event(400),
            Kind::Chunks => br#"{"event_type":"ORDER_CREATED"}"#.to_vec(),
            Kind::Large => event(600_000),
            Kind::Batch => [event(400), b"\n".to_vec()].concat().repeat(100),
        };
        let what = match kind {
            Kind::Batch => "POST /v1/events/batch",
            _ => "POST /v1/events",
        };
        let mut request;
        if kind == Kind::Chunks {
            let more = "transfer-encoding: chunked\r\n";
            request = head(self.herald, what, Some(self.token), more);
            for chunk in body.chunks(6) {
                request.extend_from_slice(b"6\r\n");
                request.extend_from_slice(chunk);
                request.extend_from_slice(b"\r\n");
            }
            request.extend_from_slice(b"0\r\n\r\n");
        } else {
            let more = format!("content-length: {}\r\n", body.len());
            request = head(self.herald, what, Some(self.token), &more);
            request.extend_from_slice(&body);
        }
        let begun = Instant::now();
        let kept = self.kept.take().filter(|_| kind != Kind::Fresh);
        let stream = kept.unwrap_or_else(|| connect_from(FROM, self.herald.client.address));
        let answered = ask(&stream, &request);
        let taken = begun.elapsed();
        if matches!(answered, Ok(202)) {
            if kind != Kind::Fresh {
                self.kept = Some(stream);
            }
            return taken;
        }
        println!("{}: {answered:?} after {taken:?}", kind.name());
        self.failed += 1;
        taken.max(MOST)
    }
}

/// Sends a request; the status of its answer, which is read whole.
fn ask(mut stream: &TcpStream, request: &[u8]) -> io::Result<u16> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(MOST))?;
    stream.set_write_timeout(Some(MOST))?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    let mut some = [0; 65_536];
    loop {
        let bytes = stream.read(&mut some)?;
        if bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        answer.extend_from_slice(&some[..bytes]);
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            let found = name.eq_ignore_ascii_case("content-length");
            found.then(|| value.parse::<usize>().ok())?
        });
        if body.len() >= length.unwrap_or(0) {
            let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
            return status.ok_or_else(|| io::ErrorKind::InvalidData.into());
        }
    }
}
