//! Waits and numbers as people write them: `5 s, 5 min, 2 h`, `12 deliveries`, `more than 10,000`.

use crate::http::pages::number;
use crate::store::open_count::OpenCount;

/// Units with their seconds, the longest one first.
const UNITS: &[(u32, &str)] = &[(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
/// Below this, hours are not made into days: `24 h` says more than `1 d`.
const LEAST_DAYS: u32 = 2;

/// A wait: the longest unit that is exact.
pub(super) fn span(seconds: u32) -> String {
    let fits = |(length, unit): &&(u32, &str)| {
        seconds.is_multiple_of(*length) && (*unit != "d" || seconds / length >= LEAST_DAYS)
    };
    match UNITS.iter().find(fits) {
        Some((length, unit)) if seconds > 0 => format!("{} {unit}", seconds / length),
        _ => format!("{seconds} s"),
    }
}

/// Several waits.
pub(super) fn spans(seconds: &[i32]) -> String {
    let spans = seconds.iter().map(|it| u32::try_from(*it).unwrap_or(0));
    spans.map(span).collect::<Vec<_>>().join(", ")
}

/// Reads what [`spans`] writes, and what people write in its place: `5s, 5 minutes; 2h`. A number
/// alone means seconds.
///
/// # Errors
/// Which piece cannot be read.
pub(super) fn read_spans(text: &str) -> Result<Vec<u32>, String> {
    let pieces = text.split([',', ';', '\n']).map(str::trim);
    pieces.filter(|it| !it.is_empty()).map(read_span).collect()
}

fn read_span(text: &str) -> Result<u32, String> {
    let wrong = || {
        let shown: String = text.chars().take(40).collect();
        format!(
            "“{shown}” is not a time: enter a number with s, min, h or d, such as 30 s or 5 min."
        )
    };
    let end = text.find(|it: char| !it.is_ascii_digit());
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let number: u32 = number.parse().map_err(|_none| wrong())?;
    let length = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "s" | "sec" | "second" | "seconds" => 1,
        "m" | "min" | "minute" | "minutes" => 60,
        "h" | "hour" | "hours" => 3_600,
        "d" | "day" | "days" => 86_400,
        _ => return Err(wrong()),
    };
    number.checked_mul(length).ok_or_else(wrong)
}

/// How long something took.
pub(super) fn milliseconds(time: i32) -> String {
    if time < 1_000 {
        format!("{time} ms")
    } else {
        format!("{:.1} s", f64::from(time) / 1_000.0)
    }
}

/// So many deliveries, as text: `1 delivery`, `more than 10,000 deliveries`.
pub(super) fn deliveries(count: OpenCount) -> String {
    let more = if count.more { "more than " } else { "" };
    format!("{more}{}", number::of(count.open, "delivery"))
}

/// What is wrong with a value, as a sentence of its own.
pub(super) fn sentence(detail: &str) -> String {
    if detail == "is missing" {
        return "Fill this in.".to_owned();
    }
    let mut rest = detail.chars();
    let first = rest.next().map(|it| it.to_uppercase().to_string());
    let ends = detail.ends_with(['.', '?', ')']);
    let end = if ends { "" } else { "." };
    format!("{}{}{end}", first.unwrap_or_default(), rest.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_written_as_people_say_them_and_read_again() {
        let schedule = [5, 300, 1_800, 7_200, 86_400, 172_800, 90, 5_400];
        let text = "5 s, 5 min, 30 min, 2 h, 24 h, 2 d, 90 s, 90 min";
        assert_eq!(spans(&schedule), text);
        let read = schedule.map(|it| u32::try_from(it).unwrap());
        assert_eq!(read_spans(text), Ok(read.to_vec()));
        assert_eq!(read_spans("5s; 2 Hours\n10"), Ok(vec![5, 7_200, 10]));
        assert_eq!(read_spans(" "), Ok(vec![]));
        let wrong = "soon, 5 weeks, -5 s, 1.5 h, 99999999999 s, 4000000000 d";
        for wrong in wrong.split(", ") {
            assert!(read_spans(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_are_told_up_to_their_bound() {
        let count = |open, more| {
            deliveries(OpenCount {
                open,
                by_script: 0,
                more,
            })
        };
        assert_eq!(count(0, false), "0 deliveries");
        assert_eq!(count(1, false), "1 delivery");
        assert_eq!(count(9_999, false), "9,999 deliveries");
        assert_eq!(count(10_000, true), "more than 10,000 deliveries");
        assert_eq!(number::count(1_234_567), "1,234,567");
    }

    #[test]
    fn details_become_sentences() {
        assert_eq!(sentence("must be a string"), "Must be a string.");
        assert_eq!(sentence("is missing"), "Fill this in.");
        assert_eq!(sentence("did you mean x?"), "Did you mean x?");
    }
}
