//! The steps of systemd/OPERATIONS.md.
