//! What the web layer says of itself, for the reference that is made from it.

pub(crate) use super::limits::limits;
pub(crate) use super::metrics::families as metrics;
pub(crate) use super::problem::rows as problems;
pub(crate) use super::routes::document;
