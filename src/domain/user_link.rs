//! Links by which a user sets a password, once: what they are for, how long they hold, and how
//! their address is written.

use chrono::TimeDelta;

text_enum! {
    /// What a link is for.
    LinkPurpose, "a purpose of a link" {
        /// The first password of a new user.
        Invitation = "invitation",
        /// Another password, since the old one is forgotten or known to others.
        Reset = "reset",
    }
}

impl LinkPurpose {
    /// How long a link holds. An invitation may lie over a weekend; a reset was just asked for.
    #[must_use]
    pub const fn lifetime(self) -> TimeDelta {
        match self {
            Self::Invitation => TimeDelta::days(7),
            Self::Reset => TimeDelta::hours(1),
        }
    }

    /// The same as text.
    #[must_use]
    pub const fn lifetime_as_text(self) -> &'static str {
        match self {
            Self::Invitation => "7 days",
            Self::Reset => "one hour",
        }
    }

    /// The address of the page, under the base address of Herald (without a slash at its end).
    #[must_use]
    pub fn address(self, base: &str, token: &str) -> String {
        format!("{base}/{self}/{token}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_base_purpose_and_token() {
        assert_eq!(
            LinkPurpose::Reset.address("https://herald.example.com", "abc"),
            "https://herald.example.com/reset/abc"
        );
    }
}
