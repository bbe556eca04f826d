//! HTTP to other systems: the only place that knows awc. It sends one request to a permitted
//! address and tells what came of it; it knows neither the database nor who asks.

pub mod api_client;
mod client;
mod connector;
mod dial;
mod failure;
mod lookup;
mod probe;
mod progress;
mod status;
mod stream;
mod tls;
mod wire;

pub use client::{Answer, Client, Delivery, Endpoint, Exchange, Phases};
pub use failure::{Failure, Phase, TlsFailure};
pub use lookup::{CheckFailure, check_target};
pub use probe::{Reached, try_target};
pub use status::refusal;
pub use tls::{TlsSettings, tls_settings};
