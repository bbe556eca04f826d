//! The bodies of answers. A large one goes out in pieces: the server keeps a copy of what a client
//! has not read yet, so an answer in one piece would be kept whole for each client that does not
//! read. And as long as it is not sent, the connection takes no further requests.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_http::{HttpMessage, Request};
use actix_web::body::{BodySize, MessageBody};
use actix_web::http::header;
use actix_web::web::Bytes;
use pin_project_lite::pin_project;

use super::life::Life;
use super::pipeline::NextPart;

/// The largest piece, in bytes.
const PIECE: usize = 16 << 10;

/// A request that is being answered, until the last byte of its answer is with the server.
pub(super) struct Underway(Option<Arc<Life>>);

impl Underway {
    pub(super) fn begin(request: &Request) -> Self {
        let life = request.conn_data::<Arc<Life>>().cloned();
        if let Some(life) = &life {
            let length = request.headers().get(header::CONTENT_LENGTH);
            let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
            life.begin(match length {
                Some(length) => NextPart::Body(length),
                None if request.headers().contains_key(header::TRANSFER_ENCODING) => {
                    NextPart::Chunks
                }
                None => NextPart::Body(0),
            });
        }
        Self(life)
    }

    pub(super) fn life(&self) -> Option<&Arc<Life>> {
        self.0.as_ref()
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        if let Some(life) = &self.0 {
            life.answered();
        }
    }
}

pin_project! {
    /// The body of an answer.
    pub(super) struct ResponseBody<B> {
        #[pin]
        body: BodySource<B>,
        underway: Underway,
    }
}

pin_project! {
    #[project = BodyParts]
    enum BodySource<B> {
        // Known whole.
        Whole { rest: Bytes },
        Stream { #[pin] body: B },
    }
}

impl<B: MessageBody> ResponseBody<B> {
    pub(super) fn new(body: B, underway: Underway) -> Self {
        let body = match body.size() {
            BodySize::Sized(bytes) if bytes > PIECE as u64 => match body.try_into_bytes() {
                Ok(rest) => BodySource::Whole { rest },
                Err(body) => BodySource::Stream { body },
            },
            _ => BodySource::Stream { body },
        };
        Self { body, underway }
    }
}

impl<B: MessageBody> MessageBody for ResponseBody<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        match &self.body {
            BodySource::Whole { rest } => BodySize::Sized(rest.len() as u64),
            BodySource::Stream { body } => body.size(),
        }
    }

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        match self.project().body.project() {
            BodyParts::Whole { rest } => {
                let bytes = rest.len().min(PIECE);
                Poll::Ready((bytes > 0).then(|| Ok(rest.split_to(bytes))))
            }
            BodyParts::Stream { body } => body.poll_next(context),
        }
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
            let body = ResponseBody::new(whole.clone(), Underway(None));
            let in_pieces = matches!(body.body, BodySource::Whole { .. });
            assert_eq!(in_pieces, length > PIECE);
            assert_eq!(body.size(), BodySize::Sized(length as u64));
            assert_eq!(to_bytes(body).await.unwrap(), whole);
        }
    }
}
