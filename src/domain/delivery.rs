//! The states of a delivery, the outcomes of an attempt, and what began a round of attempts.

text_enum! {
    /// What one attempt came to. The first four end the delivery's round.
    Outcome, "an outcome" {
        /// The receiver answered 2xx.
        Sent = "sent",
        /// The schedule is used up.
        Failed = "failed",
        /// A plugin said no.
        Filtered = "filtered",
        /// Somebody gave it up: the subscription was deleted or its held deliveries dropped.
        Cancelled = "cancelled",
        /// It went wrong and will be tried again.
        Retry = "retry",
        /// It went wrong after a later attempt had started; that one decides.
        Superseded = "superseded",
    }
}

impl Outcome {
    /// Whether the delivery's round ends with this outcome.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(
            self,
            Self::Sent | Self::Failed | Self::Filtered | Self::Cancelled
        )
    }
}

text_enum! {
    /// What began a round of attempts. The audit counts rounds of origin `first` alone.
    Origin, "an origin" {
        /// The event was published.
        First = "first",
        /// Somebody asked for this delivery again.
        Resend = "resend",
        /// Somebody asked for a range of deliveries again.
        Replay = "replay",
        /// Somebody tries out a target. One attempt, no retry.
        Test = "test",
    }
}

text_enum! {
    /// How far a delivery is.
    DeliveryState, "a delivery state" {
        /// Its first attempt has not ended.
        Queued = "queued",
        /// An attempt went wrong; the next one is due later.
        Retrying = "retrying",
        /// Its subscription is paused or disabled, or a script holds it up.
        Held = "held",
        /// The receiver answered 2xx.
        Sent = "sent",
        /// The schedule is used up.
        Failed = "failed",
        /// A plugin said no.
        Filtered = "filtered",
        /// It was given up on purpose.
        Cancelled = "cancelled",
    }
}
