//! The reader of a page: in which zone they read times, and what "now" is to them. A cookie that
//! the pages' script sets names the zone; without it times are UTC.

use actix_web::HttpRequest;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, SecondsFormat, TimeZone, Utc};
use chrono_tz::Tz;
use maud::{Markup, html};

use crate::http::query::Query;
use crate::http::session::cookie;
use crate::service::input::read_time;

/// The cookie with the name of the browser's zone, such as `Europe/Berlin`.
const ZONE: &str = "herald_zone";

/// The first moment that is meant, and the first one after it.
type TimeBounds = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

/// The reader, as far as times go.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct PageReader {
    /// Their time zone.
    pub zone: Tz,
    /// The time at which the page is made.
    pub now: DateTime<Utc>,
}

impl PageReader {
    /// The reader of a request.
    pub(super) fn of(request: &HttpRequest, now: DateTime<Utc>) -> Self {
        // Browsers write the slash of a cookie's value as it is; others may escape it.
        let zone = cookie(request, ZONE).map(|name| name.replace("%2F", "/"));
        let zone = zone.and_then(|name| name.parse().ok()).unwrap_or(Tz::UTC);
        Self { zone, now }
    }

    /// How long ago, or in how long; the exact time in UTC on hover.
    pub(super) fn ago(&self, at: DateTime<Utc>) -> Markup {
        self.time(at, &self.ago_text(at))
    }

    /// Date and time in the reader's zone; the exact time in UTC on hover.
    pub(super) fn at(&self, at: DateTime<Utc>) -> Markup {
        let local = at.with_timezone(&self.zone);
        self.time(at, &local.format("%Y-%m-%d %H:%M:%S").to_string())
    }

    fn time(&self, at: DateTime<Utc>, text: &str) -> Markup {
        let exact = at.to_rfc3339_opts(SecondsFormat::Millis, true);
        let title = at.format("%Y-%m-%d %H:%M:%S%.3f UTC").to_string();
        html! { time datetime=(exact) title=(title) { (text) } }
    }

    /// How long ago, or in how long, as text.
    pub(super) fn ago_text(&self, at: DateTime<Utc>) -> String {
        let seconds = (self.now - at).num_seconds();
        let past = seconds >= 0;
        let seconds = seconds.abs();
        let span = match seconds {
            0..=4 if past => return "just now".to_owned(),
            0..=59 => format!("{seconds} s"),
            60..=3_599 => format!("{} min", seconds / 60),
            3_600..=86_399 => format!("{} h", seconds / 3_600),
            86_400..=604_799 => format!("{} d", seconds / 86_400),
            _ => return self.day(at),
        };
        let (before, behind) = if past { ("", " ago") } else { ("in ", "") };
        format!("{before}{span}{behind}")
    }

    /// The day in the reader's zone, as date fields want it.
    pub(super) fn day(&self, at: DateTime<Utc>) -> String {
        at.with_timezone(&self.zone).format("%Y-%m-%d").to_string()
    }

    /// Takes `from` and `to`: a date means the whole of that day in the reader's zone, a time in
    /// RFC 3339 that moment. `to` as a date is included.
    pub(super) fn range(&self, query: &mut Query<'_>) -> TimeBounds {
        self.range_named(query, "from", "to")
    }

    /// As [`PageReader::range`], of parameters with other names.
    pub(super) fn range_named(
        &self,
        query: &mut Query<'_>,
        from: &'static str,
        to: &'static str,
    ) -> TimeBounds {
        let begin = query.take(from, |text| self.moment(text, 0));
        let end = query.take(to, |text| self.moment(text, 1));
        (begin, end)
    }

    fn moment(&self, text: &str, later: u64) -> Result<DateTime<Utc>, String> {
        let Ok(day) = text.parse::<NaiveDate>() else {
            return read_time(text).map_err(|error| error.to_string());
        };
        // Checks the bounds as well.
        read_time(text).map_err(|error| error.to_string())?;
        let day = day.checked_add_days(Days::new(later)).unwrap_or(day);
        let midnight = day.and_time(NaiveTime::MIN);
        // Where clocks jump over midnight the day begins with the first moment that there is.
        let local = self.zone.from_local_datetime(&midnight).earliest();
        Ok(local.map_or_else(|| midnight.and_utc(), |at| at.with_timezone(&Utc)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn reader(zone: &str) -> PageReader {
        PageReader {
            zone: zone.parse().unwrap(),
            now: at("2026-11-22T12:00:00Z"),
        }
    }

    #[test]
    fn a_date_is_the_whole_day_in_the_readers_zone() {
        let mut query = Query::parse("from=2026-11-20&to=2026-11-20");
        let (from, to) = reader("Europe/Berlin").range(&mut query);
        assert_eq!(from, Some(at("2026-11-19T23:00:00Z")));
        assert_eq!(to, Some(at("2026-11-20T23:00:00Z")));
        // The clocks of Santiago jump over this midnight.
        let mut query = Query::parse("from=2026-09-06&to=2026-11-20T10:00:00Z");
        let (from, to) = reader("America/Santiago").range(&mut query);
        assert!(from.is_some());
        assert_eq!(to, Some(at("2026-11-20T10:00:00Z")));
        let mut query = Query::parse("from=yesterday");
        assert_eq!(reader("UTC").range(&mut query), (None, None));
        assert!(query.finish().is_err());
    }

    #[test]
    fn spans_are_told_as_people_say_them() {
        let reader = reader("Europe/Berlin");
        let said = |text: &str| reader.ago_text(at(text));
        assert_eq!(said("2026-11-22T11:59:58Z"), "just now");
        assert_eq!(said("2026-11-22T11:59:20Z"), "40 s ago");
        assert_eq!(said("2026-11-22T12:05:00Z"), "in 5 min");
        assert_eq!(said("2026-11-22T02:00:00Z"), "10 h ago");
        assert_eq!(said("2026-11-19T02:00:00Z"), "3 d ago");
        assert_eq!(said("2026-11-01T23:30:00Z"), "2026-11-02");
    }
}
