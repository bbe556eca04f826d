//! A body in chunks (RFC 9112, 7.1): where its data is, and where it ends. It is pure, and knows
//! neither heads nor sockets.

use httparse::{EMPTY_HEADER, Status};

use super::head::MOST_FIELDS;
use crate::transport::failure::RequestFailure;

/// Bytes of chunk extensions, and of trailers, that a body may have.
const MOST_BESIDE: usize = 16 << 10;

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Next {
    /// The first digit of a size.
    #[default]
    Size,
    MoreSize,
    /// White space behind a size.
    Space,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// The first byte of a line behind the last chunk.
    Line,
    Trailer,
    TrailerLf,
    EndLf,
    Nothing,
}

/// Reads a body in chunks as it comes.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    next: Next,
    /// Bytes of the chunk that are still to come.
    left: u64,
    extensions: usize,
    trailers: Vec<u8>,
    /// Lines of trailers.
    lines: usize,
}

impl Chunks {
    /// Takes bytes from the front of `bytes` until data comes or the body ends. Returns the data,
    /// empty where more bytes must come first or the body has ended.
    ///
    /// # Errors
    /// When a chunk breaks the rules.
    pub(super) fn data<'a>(&mut self, bytes: &mut &'a [u8]) -> Result<&'a [u8], RequestFailure> {
        while self.next != Next::Nothing {
            if self.next == Next::Data {
                let left = usize::try_from(self.left).unwrap_or(usize::MAX);
                let (data, rest) = bytes.split_at(left.min(bytes.len()));
                *bytes = rest;
                self.left -= u64::try_from(data.len()).unwrap_or_default();
                if self.left == 0 {
                    self.next = Next::DataCr;
                }
                return Ok(data);
            }
            let Some((byte, rest)) = bytes.split_first() else {
                break;
            };
            *bytes = rest;
            self.next = self
                .step(*byte)
                .map_err(|detail| RequestFailure::BadChunk {
                    detail: detail.to_owned(),
                })?;
        }
        Ok(&[])
    }

    /// Whether the last chunk and the end of the trailers came.
    pub(super) fn ended(&self) -> bool {
        self.next == Next::Nothing
    }

    fn step(&mut self, byte: u8) -> Result<Next, &'static str> {
        Ok(match (self.next, byte) {
            (Next::Size, _) => {
                self.left = digit(byte).ok_or("its size is not a number")?;
                Next::MoreSize
            }
            (Next::MoreSize | Next::Space | Next::Extension, b'\r') => Next::SizeLf,
            (Next::MoreSize | Next::Space, b';') => Next::Extension,
            (Next::MoreSize | Next::Space, b' ' | b'\t') => Next::Space,
            (Next::MoreSize, _) => {
                let digit = digit(byte).ok_or("its size is not a number")?;
                let left = self.left.checked_mul(16).ok_or("its size is too large")?;
                self.left = left + digit;
                Next::MoreSize
            }
            (Next::Space, _) => return Err("its size is not a number"),
            (Next::Extension, b'\n') => return Err("a line ends without CR"),
            (Next::Extension, _) => {
                self.extensions += 1;
                if self.extensions >= MOST_BESIDE {
                    return Err("its extensions are too long");
                }
                Next::Extension
            }
            (Next::SizeLf, b'\n') if self.left == 0 => Next::Line,
            (Next::SizeLf, b'\n') => Next::Data,
            (Next::DataCr, b'\r') => Next::DataLf,
            (Next::DataLf, b'\n') => Next::Size,
            (Next::DataCr | Next::DataLf, _) => return Err("its data is longer than its size"),
            (Next::Line, b'\r') => Next::EndLf,
            (Next::Line | Next::Trailer, _) => {
                self.trailer(byte)?;
                if byte == b'\r' {
                    Next::TrailerLf
                } else {
                    Next::Trailer
                }
            }
            (Next::TrailerLf, b'\n') => {
                self.trailer(byte)?;
                self.lines += 1;
                Next::Line
            }
            (Next::EndLf, b'\n') => {
                self.check_trailers()?;
                Next::Nothing
            }
            (Next::SizeLf | Next::TrailerLf | Next::EndLf, _) => {
                return Err("a line ends without LF");
            }
            (Next::Data | Next::Nothing, _) => self.next,
        })
    }

    fn trailer(&mut self, byte: u8) -> Result<(), &'static str> {
        if self.trailers.len() >= MOST_BESIDE {
            return Err("its trailers are too long");
        }
        self.trailers.push(byte);
        Ok(())
    }

    /// Nobody reads them, but what is no header may be the beginning of something else.
    fn check_trailers(&mut self) -> Result<(), &'static str> {
        if self.trailers.is_empty() {
            return Ok(());
        }
        self.trailers.extend_from_slice(b"\r\n");
        let mut room = [EMPTY_HEADER; MOST_FIELDS];
        // A line end without CR makes more fields than lines.
        let room = room.get_mut(..self.lines).unwrap_or_default();
        match httparse::parse_headers(&self.trailers, room) {
            Ok(Status::Complete(_)) => Ok(()),
            _ => Err("its trailers are not header fields"),
        }
    }
}

fn digit(byte: u8) -> Option<u64> {
    char::from(byte).to_digit(16).map(u64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The data, the bytes behind the end, and whether it ended, reading `piece` bytes at a time.
    fn read(text: &str, piece: usize) -> Result<(String, usize, bool), RequestFailure> {
        let (mut chunks, mut data, mut behind) = (Chunks::default(), Vec::new(), 0);
        for mut bytes in text.as_bytes().chunks(piece) {
            loop {
                let found = chunks.data(&mut bytes)?;
                data.extend_from_slice(found);
                if found.is_empty() {
                    break;
                }
            }
            behind += bytes.len();
        }
        let data = String::from_utf8(data).unwrap();
        Ok((data, behind, chunks.ended()))
    }

    #[test]
    fn data_is_found_however_the_bytes_come() {
        for (text, data, behind, ended) in [
            ("0\r\n\r\n", "", 0, true),
            ("5\r\nhello\r\n0\r\n\r\n", "hello", 0, true),
            (
                "5\r\nhello\r\n1 ;a=\"b\"\r\n!\r\n00\r\nX-A: b\r\n\r\nmore",
                "hello!",
                4,
                true,
            ),
            ("A;x\r\n0123456789\r\n0", "0123456789", 0, false),
            ("5\r\nhel", "hel", 0, false),
            ("5\r\nhello\r\n0\r\n", "hello", 0, false),
            ("ffffffffffffffff\r\nx", "x", 0, false),
        ] {
            for piece in [1, 2, 3, text.len()] {
                let found = read(text, piece).unwrap();
                assert_eq!(found, (data.to_owned(), behind, ended), "{text:?}");
            }
        }
    }

    #[test]
    fn what_breaks_the_rules_is_refused() {
        let long = format!("1;{}\r\n", "x".repeat(MOST_BESIDE));
        let trailers = format!("0\r\nX-A: {}\r\n\r\n", "x".repeat(MOST_BESIDE));
        for text in [
            "zz\r\n",
            "\r\n",
            "-1\r\n",
            "5\n",
            "5\rx",
            "5 5\r\n",
            "5;a\n",
            "10000000000000000\r\n",
            "5\r\nhello!\r\n",
            "5\r\nhello\rx",
            "0\r\n\rx",
            "0\r\nHTTP/1.1 200 OK\r\n\r\n",
            "0\r\nX-A: b\rx",
            "0\r\nX-A: b\nX-B: c\r\n\r\n",
            &long,
            &trailers,
        ] {
            let refused = read(text, text.len());
            assert!(
                matches!(refused, Err(RequestFailure::BadChunk { .. })),
                "{text:?}"
            );
        }
    }
}
