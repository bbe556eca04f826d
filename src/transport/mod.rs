//! HTTP to other systems: the only place that knows awc. It sends one request to a permitted
//! address and tells what came of it; it knows neither the database nor who asks.

pub mod api_client;
mod client;
mod connector;
mod failure;
mod probe;

pub use client::{Answer, Client, Delivery, Endpoint, Exchange, Phases, TlsSettings, tls_settings};
pub use connector::{CheckFailure, check_target};
pub use failure::{Failure, Phase};
pub use probe::{Reached, try_target};
