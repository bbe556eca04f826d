//! JSON numbers that Rhai's own cannot hold exactly. They go through a script as they were
//! written; what would calculate with them is refused, so that none is changed in silence.

use std::cmp::Ordering;
use std::fmt;
use std::rc::Rc;

use rhai::Dynamic;

/// A number in JSON's notation beyond `i64` or beyond what an `f64` says exactly. Scripts see
/// the type as `number`.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct BigNumber(Rc<str>);

impl BigNumber {
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BigNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BigNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads a number that already has JSON's form.
pub(super) fn read(text: &str) -> Dynamic {
    let whole = !text.contains(['.', 'e', 'E']);
    if whole && text != "-0" {
        if let Ok(number) = text.parse::<i64>() {
            return Dynamic::from_int(number);
        }
    } else if let Ok(number) = text.parse::<f64>()
        && number.is_finite()
        && is_exact(text, number)
    {
        return Dynamic::from_float(number);
    }
    Dynamic::from(BigNumber(text.into()))
}

/// A float in JSON's notation, as short as it can be; `None` if it is not finite.
pub(super) fn written(number: f64) -> Option<String> {
    serde_json::Number::from_f64(number).map(|number| number.to_string())
}

/// Whether `number`, as it would be written, is the number that `text` says. Only this
/// writer can tell: halfway between two equally short texts, another may choose the other one.
fn is_exact(text: &str, number: f64) -> bool {
    // Fifteen digits always survive; a short text without an exponent has no more.
    if text.len() <= 16 && !text.contains(['e', 'E']) {
        return true;
    }
    written(number).is_some_and(|written| Decimal::of(text) == Decimal::of(&written))
}

/// A number as it can be compared: its sign, its digits without zeros around them, and the power
/// of ten of the last of them. Zero has no digits.
#[derive(PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    /// `None` for a power of ten that nobody can mean.
    fn of(text: &str) -> Option<Self> {
        let (number, power) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let negative = number.starts_with('-');
        let number = number.strip_prefix('-').unwrap_or(number);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let power: i64 = power.strip_prefix('+').unwrap_or(power).parse().ok()?;
        let mut exponent = power.checked_sub(i64::try_from(fraction.len()).ok()?)?;
        while digits.last() == Some(&b'0') {
            digits.pop();
            exponent = exponent.checked_add(1)?;
        }
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.drain(..zeros);
        if digits.is_empty() {
            exponent = 0;
        }
        Some(Self {
            negative: negative && !digits.is_empty(),
            digits,
            exponent,
        })
    }

    fn compare(&self, other: &Self) -> Ordering {
        let sign = |number: &Self| match (number.digits.is_empty(), number.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        // Where the first digit is, then digit by digit: a longer one goes on behind.
        let top = |number: &Self| {
            let length = i64::try_from(number.digits.len()).unwrap_or(i64::MAX);
            number.exponent.saturating_add(length)
        };
        sign(self).cmp(&sign(other)).then_with(|| {
            let size = top(self)
                .cmp(&top(other))
                .then_with(|| self.digits.cmp(&other.digits));
            if self.negative { size.reverse() } else { size }
        })
    }
}

/// The order of two numbers in JSON's notation, exactly; `None` if one of them is none.
pub(super) fn compare(left: &str, right: &str) -> Option<Ordering> {
    Some(Decimal::of(left)?.compare(&Decimal::of(right)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_f64_says_exactly_is_a_float() {
        for text in [
            "0.0",
            "-0",
            "1.5",
            "1.10",
            "1e3",
            "1E+3",
            "123456.789",
            "5e-324",
            "1e308",
            "0e9",
            "1.7976931348623157e308",
            "100.00",
            "9007199254740993.0e0",
        ] {
            let exact = text != "9007199254740993.0e0";
            assert_eq!(read(text).is_float(), exact, "{text}");
        }
    }

    #[test]
    fn what_rhai_cannot_hold_keeps_its_text() {
        for text in [
            "9223372036854775808",
            "-9223372036854775809",
            "0.1000000000000000055511151231257827",
            "1e309",
            "1e-400",
            "1e99999999999999999999",
            "12345678901234567890.5",
            // The float is ...93.125, whose shortest text may end in 2 or 3.
            "82921559932393.13",
        ] {
            let kept = read(text).try_cast::<BigNumber>().unwrap();
            assert_eq!(kept.text(), text);
        }
        assert_eq!(read("9223372036854775807").as_int(), Ok(i64::MAX));
        assert_eq!(read("-9223372036854775808").as_int(), Ok(i64::MIN));
    }

    #[test]
    fn numbers_are_compared_by_their_value() {
        let ascending = [
            "-1e400",
            "-18446744073709551616",
            "-1.5",
            "-1",
            "-1e-400",
            "0",
            "1e-400",
            "0.1",
            "0.1000000000000000055",
            "1",
            "1.5",
            "2",
            "10",
            "9223372036854775808",
            "1e400",
        ];
        for (place, left) in ascending.iter().enumerate() {
            for (other, right) in ascending.iter().enumerate() {
                assert_eq!(
                    compare(left, right),
                    Some(place.cmp(&other)),
                    "{left} {right}"
                );
            }
        }
        assert_eq!(compare("1.50e1", "15"), Some(Ordering::Equal));
        assert_eq!(compare("-0.0", "0"), Some(Ordering::Equal));
        assert_eq!(compare("1e99999999999999999999", "0"), None);
    }
}
