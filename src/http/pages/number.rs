//! Numbers as people read them: with groups of thousands, times in fitting units, percentages.

/// A count, in groups of three.
pub(super) fn count(number: impl Into<i64>) -> String {
    let number = number.into();
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        text.push('-');
    }
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count of things, whose name takes an s where there are several.
pub(super) fn of(number: impl Into<i64>, thing: &str) -> String {
    let number = number.into();
    format!("{} {}", count(number), plural(number, thing))
}

/// The name of so many things.
pub(super) fn plural(number: i64, thing: &str) -> String {
    match thing.strip_suffix('y') {
        _ if number == 1 => thing.to_owned(),
        Some(stem) => format!("{stem}ies"),
        None => format!("{thing}s"),
    }
}

/// A count in a short form.
pub(super) fn short(number: f64) -> String {
    let with = |value: f64, unit: &str| {
        let text = if value < 10.0 {
            format!("{value:.1}")
        } else {
            format!("{value:.0}")
        };
        format!("{}{unit}", text.trim_end_matches(".0"))
    };
    match number {
        n if n < 1_000.0 => with(n, ""),
        n if n < 1_000_000.0 => with(n / 1_000.0, "k"),
        n => with(n / 1_000_000.0, "M"),
    }
}

/// Milliseconds, in the unit that fits.
pub(super) fn millis(millis: f64) -> String {
    match millis {
        ms if ms < 1.0 => "under 1 ms".to_owned(),
        ms if ms < 1_000.0 => format!("{ms:.0} ms"),
        ms if ms < 9_950.0 => format!("{:.1} s", ms / 1_000.0),
        ms => format!("{:.0} s", ms / 1_000.0),
    }
}

/// A share from 0 to 1 as percent; never rounded up to 100 or down to 0.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        p if p >= 100.0 => "100 %".to_owned(),
        p if p > 99.99 => "over 99.99 %".to_owned(),
        p if p >= 99.0 => format!("{:.2} %", (p * 100.0 + 1e-6).floor() / 100.0),
        p if p > 0.0 && p < 0.1 => "under 0.1 %".to_owned(),
        p => format!("{p:.1} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_read_them() {
        let counts = [0, 12, 999, 1_000, 1_234_567, -45_678].map(count);
        assert_eq!(counts, ["0", "12", "999", "1,000", "1,234,567", "-45,678"]);
        assert_eq!(
            [of(1, "error"), of(1_200, "error")],
            ["1 error", "1,200 errors"]
        );
        assert_eq!(of(2, "delivery"), "2 deliveries");
        let shorts = [0.0, 7.0, 950.0, 1_000.0, 1_500.0, 23_400.0, 2e6].map(short);
        assert_eq!(shorts, ["0", "7", "950", "1k", "1.5k", "23k", "2M"]);
        let times = [0.4, 12.3, 999.0, 1_240.0, 15_000.0].map(millis);
        assert_eq!(times, ["under 1 ms", "12 ms", "999 ms", "1.2 s", "15 s"]);
        let shares = [1.0, 0.999_99, 0.999_8, 0.993_47, 0.5, 0.000_1, 0.0].map(percent);
        let said = [
            "100 %",
            "over 99.99 %",
            "99.98 %",
            "99.34 %",
            "50.0 %",
            "under 0.1 %",
            "0.0 %",
        ];
        assert_eq!(shares, said);
    }
}
