//! (being laid)
text_enum! {
    /// What happens to an event that does not fit its schema.
    Validation, "a validation mode" {
        /// Nothing is checked.
        Off = "off",
        /// It is accepted and marked.
        Warn = "warn",
        /// It is refused.
        Reject = "reject",
    }
}
