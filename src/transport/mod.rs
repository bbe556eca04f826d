//! HTTP to other systems: the only place that knows awc. It sends one request to a permitted
//! address and reports what came of it; it knows neither the database nor its callers.

pub mod api_client;
mod client;
mod connector;
mod dial;
mod failure;
#[cfg(test)]
mod failures;
mod lookup;
mod probe;
mod progress;
mod status;
mod stream;
mod tls;
mod wire;

pub use client::{Answer, Client, DeliveryRequest, Endpoint, Exchange, Phases};
pub use failure::{Phase, RequestFailure, TlsFailure};
#[cfg(test)]
pub(crate) use failures::failures;
pub use lookup::{CheckFailure, check_target};
pub use probe::{Reached, try_target};
pub use status::refusal;
pub use tls::{TlsSettings, tls_settings};
#[cfg(test)]
pub(crate) use wire::bounds;
