//! What keeps the rest in order, one chore a file.

pub(crate) mod auditor;
pub(crate) mod housekeeper;
pub(crate) mod key_keeper;
pub(crate) mod lanes;
pub(crate) mod notices;
pub(crate) mod retention;
pub(crate) mod stat_flusher;
