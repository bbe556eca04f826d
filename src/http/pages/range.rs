//! The ranges that charts show: their names, their addresses, and how they are cut into points.

use chrono::Duration;
use maud::{Markup, html};

use crate::http::query::Query;

/// A range that ends now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum ChartRange {
    /// By the minute.
    Hour,
    /// By half hours.
    #[default]
    Day,
    /// By three hours.
    Week,
    /// By half days.
    Month,
}

impl ChartRange {
    /// Every range.
    const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Week, Self::Month];

    /// Takes it from the address, where it is `range`; 24 hours if it is not there.
    pub(super) fn take(query: &mut Query<'_>) -> Self {
        let read = |text: &str| {
            let found = Self::ALL.into_iter().find(|range| range.key() == text);
            found.ok_or_else(|| "must be 1h, 24h, 7d or 30d".to_owned())
        };
        query.take("range", read).unwrap_or_default()
    }

    /// As the address has it.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
        }
    }

    /// As people say it, after "the last".
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "24 hours",
            Self::Week => "7 days",
            Self::Month => "30 days",
        }
    }

    /// How long a point is, and how many there are.
    pub(super) fn steps(self) -> (Duration, u16) {
        match self {
            Self::Hour => (Duration::minutes(1), 60),
            Self::Day => (Duration::minutes(30), 48),
            Self::Week => (Duration::hours(3), 56),
            Self::Month => (Duration::hours(12), 60),
        }
    }

    /// How long it is.
    pub(super) fn length(self) -> Duration {
        let (step, points) = self.steps();
        step * i32::from(points)
    }

    /// Links to every range of the page at this path, this one marked.
    pub(super) fn links(self, path: &str) -> Markup {
        html! {
            nav class="ranges" aria-label="Range" {
                @for range in Self::ALL {
                    a href=(format!("{path}?range={}", range.key()))
                        aria-current=[(range == self).then_some("true")] { (range.key()) }
                }
            }
        }
    }
}
