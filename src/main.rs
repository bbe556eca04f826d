//! Herald.
fn main() {}
