//! Which bytes of a connection the server may have. It parses all requests that it has bytes
//! of, at 6 KB each, before it answers the first, so that 128 KiB of the shortest ones would take
//! 45 MB; and it closes the connection after an answer if it has a part of a later request's body.
//! So it gets one request at a time: a head up to its empty line, then the body.

use bytes::BytesMut;
use memchr::memchr_iter;

/// What the server may have next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NextPart {
    /// The head of a request.
    Head,
    /// A body of so many bytes.
    Body(u64),
    /// A body in chunks.
    Chunks,
}

const HEAD: u64 = u64::MAX;
const CHUNKS: u64 = u64::MAX - 1;

impl NextPart {
    /// As one number, for an atomic.
    pub(super) const fn number(self) -> u64 {
        match self {
            Self::Head => HEAD,
            Self::Chunks => CHUNKS,
            // So long is no body.
            Self::Body(HEAD | CHUNKS) => CHUNKS - 1,
            Self::Body(length) => length,
        }
    }

    pub(super) const fn of(number: u64) -> Self {
        match number {
            HEAD => Self::Head,
            CHUNKS => Self::Chunks,
            length => Self::Body(length),
        }
    }
}

/// What came on one connection.
#[derive(Default)]
pub(super) struct Pipeline {
    /// What came too early.
    ahead: BytesMut,
    line: HeadLine,
    /// Bytes after the head that the server has.
    of_body: u64,
    paused: bool,
}

/// What came so far of the current line.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum HeadLine {
    Nothing,
    Return,
    #[default]
    Text,
}

impl Pipeline {
    /// How many of these bytes, which come next, the server may have now. The others are kept by
    /// [`Pipeline::keep`].
    pub(super) fn take(&mut self, came: &[u8], due: NextPart) -> usize {
        let taken = match due {
            NextPart::Body(length) => {
                self.line = HeadLine::Text;
                let left = length.saturating_sub(self.of_body);
                let taken = usize::try_from(left).map_or(came.len(), |left| left.min(came.len()));
                self.of_body += taken as u64;
                return taken;
            }
            NextPart::Chunks => self.empty_line(came),
            NextPart::Head => {
                self.of_body = 0;
                let head = self.empty_line(came);
                let more = head.and_then(|head| came.get(head..)).unwrap_or_default();
                if head.is_some() && self.empty_line(more).is_none() {
                    // Most requests: the beginning of the body, or all of it, comes with the head.
                    self.of_body = more.len() as u64;
                    return came.len();
                }
                head
            }
        };
        let Some(taken) = taken else {
            return came.len();
        };
        self.line = HeadLine::Text;
        self.paused = true;
        taken
    }

    /// Whether there must be a pause now, in which the server looks at what it has. Only once.
    pub(super) const fn pauses(&mut self) -> bool {
        std::mem::replace(&mut self.paused, false)
    }

    /// Whether the server has all of a body that is due.
    pub(super) const fn has_all(&self, due: NextPart) -> bool {
        matches!(due, NextPart::Body(length) if length <= self.of_body)
    }

    /// Keeps what came too early.
    pub(super) fn keep(&mut self, came: &[u8]) {
        self.ahead.extend_from_slice(came);
    }

    pub(super) fn keeps_some(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// The next of what was kept, at most so many bytes.
    pub(super) fn next(&mut self, most: usize, due: NextPart) -> BytesMut {
        let mut ahead = std::mem::take(&mut self.ahead);
        let next = ahead.get(..most.min(ahead.len())).unwrap_or_default();
        let taken = self.take(next, due);
        let next = ahead.split_to(taken);
        if !ahead.is_empty() {
            self.ahead = ahead;
        }
        next
    }

    /// Where the first empty line ends.
    fn empty_line(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut begin = 0;
        for end in memchr_iter(b'\n', bytes) {
            let line = self.line.with(bytes.get(begin..end).unwrap_or_default());
            self.line = HeadLine::Nothing;
            begin = end + 1;
            if line != HeadLine::Text {
                return Some(begin);
            }
        }
        self.line = self.line.with(bytes.get(begin..).unwrap_or_default());
        None
    }
}

impl HeadLine {
    fn with(self, more: &[u8]) -> Self {
        match (self, more) {
            (line, []) => line,
            (Self::Nothing, b"\r") => Self::Return,
            _ => Self::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_that_comes_alone_is_handed_over_at_once() {
        let mut pipeline = Pipeline::default();
        let request = b"POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nbody\n";
        assert_eq!(pipeline.take(request, NextPart::Head), request.len());
        assert!(!pipeline.pauses() && !pipeline.has_all(NextPart::Body(9)));
        assert_eq!(pipeline.take(b"\n\n\n\nGET", NextPart::Body(9)), 4);
        assert!(pipeline.has_all(NextPart::Body(9)));
    }

    /// What a client sends: a head, and a body with its framing.
    #[derive(Debug, Clone)]
    struct Sent {
        head: &'static str,
        body: String,
        chunked: bool,
    }

    fn sent() -> impl Strategy<Value = Sent> {
        let heads = prop::sample::select(&["GET / HTTP/1.1\r\n\r\n", "G\na: b\n\n", "x\r\n\n"][..]);
        let data = prop::collection::vec(prop::sample::select(&b"\r\n\nx"[..]), 1..20);
        let data = data.prop_map(|bytes| String::from_utf8(bytes).unwrap());
        let chunks = prop::collection::vec(data, 0..4);
        (heads, chunks, any::<bool>()).prop_map(|(head, chunks, chunked)| {
            let chunk = |data: &String| format!("{:x}\r\n{data}\r\n", data.len());
            let body = if chunked {
                chunks.iter().map(chunk).collect::<String>() + "0\r\n\r\n"
            } else {
                chunks.concat()
            };
            Sent {
                head,
                body,
                chunked,
            }
        })
    }

    proptest! {
        /// However it is segmented, the server gets every byte in its order, and of later requests
        /// no head's end and no body before the earlier one is answered.
        #[test]
        fn the_server_has_one_request_at_a_time(
            requests in prop::collection::vec(sent(), 1..6),
            sizes in prop::collection::vec(1_usize..60, 1..30),
        ) {
            let whole: String = requests.iter().flat_map(|it| [it.head, &it.body]).collect();
            let mut pipeline = Pipeline::default();
            let (mut wire, mut sizes) = (whole.as_bytes(), sizes.into_iter().cycle());
            let mut got = Vec::new();
            let mut ends = 0;
            for request in &requests {
                let head = ends + request.head.len();
                ends = head + request.body.len();
                // Some bytes of the next head may come, with no line's end that ends it.
                let most = |got: &[u8]| {
                    let more = &whole.as_bytes()[ends.min(got.len())..got.len()];
                    got.len() <= ends || !more.windows(2).any(|it| it == b"\n\n")
                        && !more.windows(3).any(|it| it == b"\n\r\n")
                };
                let mut turns = 0;
                while got.len() < ends {
                    turns += 1;
                    prop_assert!(turns < 1_000, "it stopped at {}", got.len());
                    let due = match (got.len() < head, request.chunked) {
                        (true, _) => NextPart::Head,
                        (false, true) => NextPart::Chunks,
                        (false, false) => NextPart::Body(request.body.len() as u64),
                    };
                    pipeline.pauses();
                    prop_assert!(!pipeline.has_all(due));
                    if pipeline.keeps_some() {
                        got.extend_from_slice(&pipeline.next(sizes.next().unwrap(), due));
                    } else {
                        let (came, rest) = wire.split_at(wire.len().min(sizes.next().unwrap()));
                        wire = rest;
                        let taken = pipeline.take(came, due);
                        got.extend_from_slice(&came[..taken]);
                        pipeline.keep(&came[taken..]);
                    }
                    prop_assert!(most(&got), "{:?}", String::from_utf8_lossy(&got));
                }
            }
            prop_assert_eq!(String::from_utf8(got).unwrap(), whole);
        }
    }
}
