//! One answer as its bytes come: interim answers are passed over, the end of the body is found,
//! and what breaks off is distinguished from what is whole. It is pure: bytes in, answer out.

use std::io;

use awc::http::header::HeaderMap;

use super::chunks::Chunks;
use super::head::{self, Framing, Head, MOST_HEAD, Parsed};
use crate::transport::failure::{RequestFailure, io_text};

/// Bytes of a body that are read; the connection of a longer one is closed.
pub(crate) const EXCERPT: usize = 16 << 10;
/// Interim answers that may come before the final one.
pub(crate) const MOST_INTERIM: usize = 16;

/// How an answer ended that did not break off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// All of it is there.
    Whole,
    /// More is there than is read.
    Longer,
}

#[derive(Debug)]
enum BodyToRead {
    /// Bytes that are still to come, of how many.
    Length {
        left: u64,
        announced: u64,
    },
    Chunks(Chunks),
    UntilClose,
}

/// Reads one answer.
#[derive(Debug, Default)]
pub(super) struct Reading {
    began: bool,
    /// The beginning of a head that is not whole yet.
    pieces: Vec<u8>,
    /// How long it was when it was last looked at.
    looked: usize,
    interim: usize,
    head: Option<(Head, BodyToRead)>,
    fields: Option<HeaderMap>,
    data: Vec<u8>,
    end: Option<End>,
    surplus: bool,
}

impl Reading {
    /// Takes what came. Bytes beyond the end of the answer are noted, and dropped.
    ///
    /// # Errors
    /// When it breaks the rules of HTTP. Nothing more may be fed then.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> Result<(), RequestFailure> {
        self.began |= !bytes.is_empty();
        while self.head.is_none() {
            if bytes.is_empty() {
                return Ok(());
            }
            bytes = self.take_head(bytes)?;
        }
        self.take_body(bytes)
    }

    /// Takes the end of the connection.
    ///
    /// # Errors
    /// When the answer is not whole.
    pub(super) fn finish(&mut self) -> Result<(), RequestFailure> {
        if self.end.is_some() {
            return Ok(());
        }
        match &self.head {
            None => Err(RequestFailure::before_the_answer(
                &io::ErrorKind::UnexpectedEof.into(),
            )),
            Some((_, BodyToRead::UntilClose)) => {
                self.end = Some(End::Whole);
                Ok(())
            }
            Some((_, BodyToRead::Chunks(_))) => Err(RequestFailure::CutInChunks),
            Some((_, BodyToRead::Length { left, announced })) => Err(RequestFailure::CutShort {
                received: announced - left,
                announced: *announced,
            }),
        }
    }

    /// What an error of the connection means at this point.
    pub(super) fn broken(&self, error: io::Error) -> RequestFailure {
        match self.head {
            None => RequestFailure::of_io(error, RequestFailure::before_the_answer),
            Some(_) => RequestFailure::of_io(error, |error| RequestFailure::CutOff {
                detail: io_text(error),
            }),
        }
    }

    /// Whether any byte came.
    pub(super) const fn began(&self) -> bool {
        self.began
    }

    /// The status, once the final head is there.
    pub(super) fn status(&self) -> Option<u16> {
        self.head.as_ref().map(|(head, _)| head.status)
    }

    /// The header fields, once: when the final head is there.
    pub(super) fn take_fields(&mut self) -> Option<HeaderMap> {
        self.fields.take()
    }

    /// How it ended; None: it did not.
    pub(super) const fn end(&self) -> Option<End> {
        self.end
    }

    /// What came of the body.
    pub(super) fn data(&mut self) -> &mut Vec<u8> {
        &mut self.data
    }

    /// The head, if another request may follow on the connection.
    pub(super) fn reusable(&self) -> Option<Head> {
        let (head, _) = self.head.as_ref()?;
        let whole = self.end == Some(End::Whole) && !self.surplus;
        (whole && head.reusable).then_some(*head)
    }

    /// Returns what follows the head, if it is whole.
    fn take_head<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], RequestFailure> {
        let earlier = self.pieces.len();
        let parsed = if earlier == 0 {
            // Empty lines before a head are passed over (RFC 9112, 2.2), however many they are.
            let empty = |rest: &'a [u8]| rest.strip_prefix(b"\r\n").or(rest.strip_prefix(b"\n"));
            let empty = std::iter::successors(Some(bytes), |rest| empty(rest));
            let bytes = empty.last().unwrap_or(bytes);
            match head::parse(bytes)? {
                Parsed::Partial => {
                    self.pieces.extend_from_slice(bytes);
                    self.looked = bytes.len();
                    return Ok(&[]);
                }
                parsed => (bytes, parsed),
            }
        } else {
            self.pieces.extend_from_slice(bytes);
            // However small the pieces are, only a few of them are worth a look.
            let doubled = self.pieces.len() >= 2 * self.looked;
            if !doubled && !ends_behind(&self.pieces, earlier.saturating_sub(2)) {
                return self.still_partial();
            }
            self.looked = self.pieces.len();
            match head::parse(&self.pieces)? {
                Parsed::Partial => return self.still_partial(),
                parsed => (bytes, parsed),
            }
        };
        self.pieces.clear();
        let (bytes, length) = match parsed {
            (bytes, Parsed::Final(length, head, fields)) => {
                let body = match head.framing {
                    Framing::Length(length) => BodyToRead::Length {
                        left: length,
                        announced: length,
                    },
                    Framing::Chunks => BodyToRead::Chunks(Chunks::default()),
                    Framing::UntilClose => BodyToRead::UntilClose,
                };
                self.head = Some((head, body));
                self.fields = Some(fields);
                (bytes, length)
            }
            (bytes, Parsed::Interim(length)) => {
                self.interim += 1;
                if self.interim > MOST_INTERIM {
                    return Err(RequestFailure::TooManyInterim { most: MOST_INTERIM });
                }
                (bytes, length)
            }
            (bytes, Parsed::Partial) => (bytes, 0),
        };
        Ok(bytes.get(length - earlier..).unwrap_or_default())
    }

    fn still_partial<'a>(&self) -> Result<&'a [u8], RequestFailure> {
        if self.pieces.len() > MOST_HEAD {
            return Err(RequestFailure::HeadTooLong { most: MOST_HEAD });
        }
        Ok(&[])
    }

    fn take_body(&mut self, mut bytes: &[u8]) -> Result<(), RequestFailure> {
        if self.end.is_none()
            && let Some((_, body)) = &mut self.head
        {
            match body {
                BodyToRead::Length { left, .. } => {
                    let most = usize::try_from(*left).unwrap_or(usize::MAX);
                    let (data, rest) = bytes.split_at(most.min(bytes.len()));
                    let longer = keep(&mut self.data, data);
                    bytes = rest;
                    *left -= u64::try_from(data.len()).unwrap_or_default();
                    // What is announced need not arrive to be known.
                    let full = self.data.len() == EXCERPT && *left > 0;
                    if longer || full {
                        self.end = Some(End::Longer);
                    } else if *left == 0 {
                        self.end = Some(End::Whole);
                    }
                }
                BodyToRead::Chunks(chunks) => loop {
                    let data = chunks.data(&mut bytes)?;
                    if keep(&mut self.data, data) {
                        self.end = Some(End::Longer);
                        break;
                    }
                    if data.is_empty() {
                        self.end = chunks.ended().then_some(End::Whole);
                        break;
                    }
                },
                BodyToRead::UntilClose => {
                    self.end = keep(&mut self.data, bytes).then_some(End::Longer);
                    bytes = &[];
                }
            }
        }
        self.surplus |= self.end.is_some() && !bytes.is_empty();
        Ok(())
    }
}

/// Keeps what there is room for. Returns whether that was not all.
fn keep(kept: &mut Vec<u8>, data: &[u8]) -> bool {
    let room = EXCERPT - kept.len();
    kept.extend_from_slice(data.get(..room).unwrap_or(data));
    data.len() > room
}

/// Whether an empty line, which ends a head, is in `bytes` behind `from`.
fn ends_behind(bytes: &[u8], from: usize) -> bool {
    let behind = bytes.get(from..).unwrap_or_default();
    let mut lines = behind.split(|byte| *byte == b'\n');
    // The last one has no end yet, and the first one no beginning.
    lines.next_back();
    lines.skip(1).any(|line| matches!(line, b"" | b"\r"))
}
