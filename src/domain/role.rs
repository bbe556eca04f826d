//! What a token may do. The table of routes and roles stands in `http/access.rs`.

text_enum! {
    /// The role of a token.
    Role, "a role" {
        /// Publishes events.
        Publisher = "publisher",
        /// Reads everything of its account but secrets.
        Viewer = "viewer",
        /// May do everything in its account.
        Admin = "admin",
    }
}
