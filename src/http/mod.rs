//! (being laid)

pub mod receiver;
