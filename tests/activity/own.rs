//! What Herald records of itself.
