//! A subscription's states and the bounds of its settings.

text_enum! {
    /// Whether a subscription delivers.
    SubscriptionState, "a subscription state" {
        /// It matches and delivers.
        Enabled = "enabled",
        /// It matches; its deliveries are held, in order, until it is resumed.
        Paused = "paused",
        /// It matches nothing new; what it held stays held.
        Disabled = "disabled",
    }
}

text_enum! {
    /// What happens to held deliveries when a subscription is resumed.
    HeldChoice, "a choice for held deliveries" {
        /// All of them are delivered, oldest first.
        Deliver = "deliver",
        /// All of them are cancelled.
        Drop = "drop",
        /// The newest one is delivered, the others are cancelled.
        Newest = "newest",
    }
}

text_enum! {
    /// What a list of subscriptions is sorted by; the id decides between equals.
    SubscriptionSort, "a way to sort" {
        /// When it was made.
        CreatedAt = "created_at",
        /// When it was changed last.
        UpdatedAt = "updated_at",
        /// Its id.
        Id = "id",
    }
}

text_enum! {
    /// Which end of a list comes first.
    #[derive(Default)]
    Order, "an order" {
        /// The last one, or the newest.
        #[default]
        Descending = "desc",
        /// The first one, or the oldest.
        Ascending = "asc",
    }
}

/// Requests that one daemon has under way for one subscription, unless it says otherwise.
pub const DEFAULT_MAX_IN_FLIGHT: u16 = 8;
/// Upper bound of `max_in_flight`.
pub const MAX_MAX_IN_FLIGHT: u16 = 256;
/// Seconds for one attempt as a whole (connect, head and body), unless it says otherwise.
pub const DEFAULT_TIMEOUT_SECONDS: u16 = 15;
/// Upper bound of `timeout_seconds`.
pub const MAX_TIMEOUT_SECONDS: u16 = 60;
/// Upper bound of a title's length, in characters.
pub const MAX_TITLE: usize = 200;
/// Upper bound of the number of triggers.
pub const MAX_TRIGGERS: usize = 100;
