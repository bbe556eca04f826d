//! What requests make whose idempotency keys are kept.

text_enum! {
    /// What requests make. Each kind has keys of its own.
    MadeKind, "a kind of thing" {
        /// Subscriptions.
        Subscription = "subscription",
        /// Event types.
        EventType = "event_type",
        /// Tokens.
        Token = "token",
        /// Users.
        User = "user",
        /// Accounts.
        Account = "account",
        /// Activities of the catalogue.
        ActivityType = "activity_type",
        /// Mails.
        Mail = "mail",
        /// Activities.
        Activity = "activity",
        /// Secrets of subscriptions, when they are rotated.
        Secret = "secret",
        /// Tests of subscriptions.
        Test = "test",
        /// New rounds of deliveries.
        Resend = "resend",
    }
}
