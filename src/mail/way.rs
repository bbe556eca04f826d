//! The way to the mail server: found, connected, encrypted as the settings demand, greeted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Ehlo, Starttls};
use lettre::transport::smtp::extension::{Extension, ServerInfo};
use lettre::transport::smtp::response::Response;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::replies::Replies;
use super::session::error_text;
use super::settings::{Server, Tls};
use crate::config::SmtpTls;

/// How long one of several addresses is waited for.
const ADDRESS: Duration = Duration::from_secs(5);

/// Connects to the mail server and says hello.
///
/// # Errors
/// What kept it from coming so far.
pub(super) async fn connect(server: &Server) -> Result<AsyncSmtpConnection, String> {
    let (stream, peer) = reach(server).await?;
    let unencrypted = |error: &dyn std::fmt::Display| -> String {
        format!("the connection cannot be encrypted: {error}")
    };
    let stream: Box<dyn lettre::transport::smtp::client::AsyncTokioStream> =
        match (server.address.tls, &server.tls) {
            (SmtpTls::None, _) | (_, None) => Box::new(Replies::new(stream, peer)),
            (SmtpTls::Implicit, Some(tls)) => {
                let stream = encrypt(tls, stream).await;
                Box::new(Replies::new(stream.map_err(|it| unencrypted(&it))?, peer))
            }
            (SmtpTls::StartTls, Some(tls)) => {
                let plain = start_tls(server, Replies::new(stream, peer)).await;
                let stream = encrypt(tls, plain.map_err(|it| unencrypted(&it))?).await;
                Box::new(Replies::greeted(
                    stream.map_err(|it| unencrypted(&it))?,
                    peer,
                ))
            }
        };
    AsyncSmtpConnection::connect_with_transport(stream, &server.hello)
        .await
        .map_err(|error| format!("the mail server cannot be reached: {}", error_text(&error)))
}

/// A connection to the first address that takes one.
async fn reach(server: &Server) -> Result<(TcpStream, SocketAddr), String> {
    let host = server.address.host.as_str();
    let found = tokio::net::lookup_host((host, server.address.port)).await;
    let found = found.map_err(|error| format!("the mail server {host} is not known: {error}"))?;
    // `localhost` could be looked up to be anything.
    let near = |it: &SocketAddr| server.address.tls != SmtpTls::None || it.ip().is_loopback();
    let mut error = format!("the mail server {host} has no address");
    for address in found.filter(near) {
        error = match tokio::time::timeout(ADDRESS, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok((stream, address)),
            Ok(Err(error)) => format!("the mail server cannot be reached: {address}: {error}"),
            Err(_elapsed) => format!(
                "the mail server cannot be reached: {address} did not answer within {} s",
                ADDRESS.as_secs()
            ),
        };
    }
    Err(error)
}

/// Asks for encryption. What the server says before it may come from anybody, so nothing of it is
/// believed: not its extensions, and no word behind its consent.
async fn start_tls(server: &Server, mut plain: Replies<TcpStream>) -> Result<TcpStream, String> {
    let io = |error: std::io::Error| error.to_string();
    agreed(&plain.hear().await.map_err(io)?)?;
    let hello = plain
        .ask(Ehlo::new(server.hello.clone()))
        .await
        .map_err(io)?;
    agreed(&hello)?;
    let offered = ServerInfo::from_response(&hello)
        .is_ok_and(|server| server.supports_feature(Extension::StartTls));
    if !offered {
        return Err("STARTTLS is not supported by the mail server".to_owned());
    }
    agreed(&plain.ask(Starttls).await.map_err(io)?)?;
    plain.into_inner().map_err(io)
}

/// The server's refusal, if it is one.
fn agreed(reply: &Response) -> Result<(), String> {
    if reply.is_positive() {
        return Ok(());
    }
    let text: Vec<&str> = reply.message().collect();
    Err(format!("{} {}", reply.code(), text.join(" ")))
}

async fn encrypt(tls: &Tls, stream: TcpStream) -> Result<TlsStream<TcpStream>, std::io::Error> {
    TlsConnector::from(Arc::clone(&tls.settings))
        .connect(tls.name.clone(), stream)
        .await
}
