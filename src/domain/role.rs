//! What a token or a user may do. The table of routes and roles is in `http/access.rs`.

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

text_enum! {
    /// The role of a user.
    UserRole, "a role of a user" {
        /// Reads everything of their account but secrets.
        Viewer = "viewer",
        /// May do everything in their account.
        Admin = "admin",
    }
}

impl From<UserRole> for Role {
    fn from(role: UserRole) -> Self {
        match role {
            UserRole::Viewer => Self::Viewer,
            UserRole::Admin => Self::Admin,
        }
    }
}
