//! How amounts are written: numbers, bytes, times, and the defaults of settings.

use std::time::Duration;

use crate::config;

/// The default of a setting.
pub(super) fn setting(key: &str) -> &'static str {
    let mut settings = config::describe();
    let found = settings.find(|setting| setting.key == key);
    found.map_or("", |setting| setting.default)
}

pub(super) fn count_of(key: &str) -> usize {
    setting(key).parse().unwrap_or(0)
}

pub(super) fn bytes_of(key: &str) -> String {
    bytes(count_of(key))
}

/// A number of bytes in the largest unit that it is whole in.
pub(super) fn bytes(count: usize) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let mut whole = units
        .iter()
        .filter(|(unit, _)| count >= *unit && count.is_multiple_of(*unit));
    match whole.next() {
        Some((unit, name)) => format!("{} {name}", count / unit),
        None => format!("{} bytes", grouped(count)),
    }
}

/// A time in the largest unit that it is whole in.
pub(super) fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    let units = [(86_400, "days"), (3_600, "hours"), (60, "min")];
    // One day is 24 hours, as retries count.
    let mut whole = units
        .iter()
        .filter(|(unit, _)| seconds > *unit && seconds.is_multiple_of(*unit));
    match whole.next() {
        Some((unit, name)) => format!("{} {name}", seconds / unit),
        None => format!("{seconds} s"),
    }
}

/// `10,000,000`.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_the_unit_that_people_read() {
        assert_eq!(bytes(1 << 20), "1 MiB");
        assert_eq!(bytes(11 << 10), "11 KiB");
        assert_eq!(bytes(1_500), "1,500 bytes");
        assert_eq!(time(Duration::from_secs(604_800)), "7 days");
        assert_eq!(time(Duration::from_secs(86_400)), "24 hours");
        assert_eq!(time(Duration::from_secs(15)), "15 s");
        assert_eq!(grouped(10_000_000), "10,000,000");
        assert_eq!(grouped(500), "500");
    }
}
