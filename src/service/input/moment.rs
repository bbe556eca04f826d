//! Reads the times that people write in queries. What they are for is its callers' business.

use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike, Utc};

/// Years that both a UUIDv7 and PostgreSQL can hold.
pub(crate) const YEARS: RangeInclusive<i32> = 1970..=9999;

/// Why a text is no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// It has another form.
    #[error(
        "must be a time such as 2026-01-31T08:00:00Z (RFC 3339) or a date such as 2026-01-31, in \
         the years 1970 to 9999"
    )]
    Unreadable,
    /// It lies in another year.
    #[error("must lie in the years 1970 to 9999")]
    Outside,
}

/// Reads a time: RFC 3339, or a date, which means its first moment in UTC.
///
/// # Errors
/// It has another form, or lies in a year that neither ids nor the database can hold.
pub fn read_time(text: &str) -> Result<DateTime<Utc>, TimeError> {
    // A `+` in a query means a space; whoever forgot to escape it meant the offset.
    let text = text.replace(' ', "+");
    let midnight = || {
        let date = text.parse::<chrono::NaiveDate>().ok()?;
        Some(date.and_time(chrono::NaiveTime::MIN).and_utc())
    };
    let read = DateTime::parse_from_rfc3339(&text).ok();
    match read.map(|time| time.with_timezone(&Utc)).or_else(midnight) {
        Some(time) if YEARS.contains(&time.year()) => Ok(time),
        Some(_) => Err(TimeError::Outside),
        // Years of more than four digits are not of RFC 3339, and far outside.
        None if text
            .parse::<DateTime<Utc>>()
            .is_ok_and(|at| !YEARS.contains(&at.year())) =>
        {
            Err(TimeError::Outside)
        }
        None => Err(TimeError::Unreadable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_usual_notation_and_bounded() {
        for text in [
            "2026-01-31T08:00:00Z",
            "2026-01-31T08:00:00+02:00",
            "2026-01-31",
        ] {
            assert!(read_time(text).is_ok(), "{text}");
        }
        assert_eq!(
            read_time("2026-01-31T08:00:00 02:00"),
            read_time("2026-01-31T06:00:00Z")
        );
        for text in [
            "yesterday",
            "1969-12-31",
            "+12026-01-31",
            "2026-13-01",
            "-0001-01-01",
        ] {
            assert!(read_time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_far_outside_is_told_from_what_is_none() {
        for text in [
            "-262143-01-01T00:00:00Z",
            "+262142-12-31T23:59:59Z",
            "0001-01-01",
        ] {
            assert_eq!(read_time(text), Err(TimeError::Outside), "{text}");
        }
        assert_eq!(read_time("yesterday"), Err(TimeError::Unreadable));
    }
}
