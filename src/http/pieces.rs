//! Large answers in pieces. The server keeps a copy of the pieces that a client has not read yet,
//! so an answer in one piece would be kept whole for each client that does not read.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, EitherBody, MessageBody};
use actix_web::web::Bytes;

/// The largest piece, in bytes.
const PIECE: usize = 16 << 10;

/// A body that is known whole.
pub(super) struct Pieces(Bytes);

/// The body, in pieces if it is large and known whole.
pub(super) fn in_pieces<B: MessageBody>(body: B) -> EitherBody<B, Pieces> {
    match body.size() {
        BodySize::Sized(bytes) if bytes > PIECE as u64 => match body.try_into_bytes() {
            Ok(bytes) => EitherBody::right(Pieces(bytes)),
            Err(body) => EitherBody::left(body),
        },
        _ => EitherBody::left(body),
    }
}

impl MessageBody for Pieces {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.0.len() as u64)
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let bytes = self.0.len().min(PIECE);
        Poll::Ready((bytes > 0).then(|| Ok(self.0.split_to(bytes))))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;

    use super::*;

    #[actix_web::test]
    async fn a_large_body_comes_whole_and_in_pieces() {
        for length in [0, 1, PIECE, PIECE + 1, 5 * PIECE] {
            let whole: Vec<u8> = (0..length).map(|place| (place % 251) as u8).collect();
            let body = in_pieces(whole.clone());
            assert_eq!(matches!(body, EitherBody::Right { .. }), length > PIECE);
            assert_eq!(body.size(), BodySize::Sized(length as u64));
            assert_eq!(to_bytes(body).await.unwrap(), whole);
        }
    }
}
