//! Hops: the databases of Herald that an event came through. Each delivery lists them in the header
//! `herald-hops`, the oldest first, separated by commas; whoever publishes an event because of a
//! delivery passes them on. So an event that goes in a circle is recognised. It knows neither
//! requests nor where a database's own id comes from.

use std::sync::Arc;

/// The name of the header.
pub const HEADER: &str = "herald-hops";
/// An event that came through so many databases is refused.
pub const MOST_HOPS: usize = 16;
/// An event that came through the same database so often is refused.
pub const MOST_OF_ONE: usize = 3;
/// Upper bound of an id's length, in characters.
const MAX_ID: usize = 64;

/// The id of a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HopId(Arc<str>);

impl HopId {
    /// An id as the database has it.
    #[must_use]
    pub fn stored(id: String) -> Self {
        Self(id.into())
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The hops of an event, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hops(Arc<str>);

/// Why an event with such hops is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HopsError {
    /// They cannot be read.
    #[error(
        "must list ids separated by commas, each of 1 to {MAX_ID} letters, digits, `-`, `_` or `.`; \
         hand the header on as the delivery had it, or leave it out"
    )]
    Malformed,
    /// It goes in a circle.
    #[error(
        "This event came through this Herald {MOST_OF_ONE} times already: it goes in a circle. \
         Find the receiver that publishes what it is sent, and have it publish another event type \
         or none."
    )]
    Circle,
    /// It came too far.
    #[error(
        "This event came through {MOST_HOPS} databases of Herald or more: it probably goes in a \
         circle. Find the receiver that publishes what it is sent, and have it publish another \
         event type or none."
    )]
    TooMany,
}

impl Hops {
    /// Reads the values of the header, and judges them for the database `own`. None: there are no
    /// hops.
    ///
    /// # Errors
    /// See [`HopsError`].
    pub fn read<'a>(
        values: impl Iterator<Item = &'a [u8]>,
        own: &HopId,
    ) -> Result<Option<Self>, HopsError> {
        let mut text = String::new();
        let (mut all, mut of_own) = (0, 0);
        let ids = values
            .flat_map(|value| value.split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            .filter(|id| !id.is_empty());
        for id in ids {
            let id = str::from_utf8(id).map_err(|_bytes| HopsError::Malformed)?;
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if id.len() > MAX_ID || !id.chars().all(fits) {
                return Err(HopsError::Malformed);
            }
            all += 1;
            of_own += usize::from(id == own.as_str());
            if all > 1 {
                text.push_str(", ");
            }
            text.push_str(id);
        }
        match (all, of_own) {
            (_, MOST_OF_ONE..) => Err(HopsError::Circle),
            (MOST_HOPS.., _) => Err(HopsError::TooMany),
            (0, _) => Ok(None),
            _ => Ok(Some(Self(text.into()))),
        }
    }

    /// Hops as they are stored.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text.into())
    }

    /// The value of the header, as it came and as it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value of the header when the event leaves the database `own`.
    #[must_use]
    pub fn through(&self, own: &HopId) -> String {
        format!("{}, {}", self.0, own.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn own() -> HopId {
        HopId::stored("0123456789abcdef".to_owned())
    }

    fn read(values: &[&str]) -> Result<Option<Hops>, HopsError> {
        Hops::read(values.iter().map(|value| value.as_bytes()), &own())
    }

    #[test]
    fn ids_are_read_over_lines_and_commas_and_the_own_one_is_appended() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["", " , ,"]), Ok(None));
        let hops = read(&["a,b ", "\tC-d_e.f,"]).unwrap().unwrap();
        assert_eq!(hops.as_str(), "a, b, C-d_e.f");
        assert_eq!(hops.through(&own()), "a, b, C-d_e.f, 0123456789abcdef");
    }

    #[test]
    fn the_third_time_through_one_database_and_the_sixteenth_through_any_are_refused() {
        let times = |number: usize, id: &str| vec![id; number].join(",");
        assert!(read(&[&times(2, own().as_str())]).unwrap().is_some());
        assert_eq!(read(&[&times(3, own().as_str())]), Err(HopsError::Circle));
        assert!(read(&[&times(15, "other")]).unwrap().is_some());
        assert_eq!(read(&[&times(16, "other")]), Err(HopsError::TooMany));
        assert_eq!(read(&[&times(1_000, "other")]), Err(HopsError::TooMany));
    }

    #[test]
    fn what_is_no_list_of_ids_is_malformed() {
        for value in ["a b", "a;b", "é", "\"a\"", &"x".repeat(65), "a,\0"] {
            assert_eq!(read(&[value]), Err(HopsError::Malformed), "{value:?}");
        }
        assert!(read(&[&"x".repeat(64)]).is_ok());
        assert_eq!(
            Hops::read([b"\xff".as_slice()].into_iter(), &own()),
            Err(HopsError::Malformed)
        );
    }

    proptest! {
        #[test]
        fn whatever_is_read_fits_into_a_header_and_is_read_again_as_it_is(
            values in proptest::collection::vec("[a-c0-9,. \t_-]{0,12}", 0..4),
        ) {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            if let Ok(Some(hops)) = read(&values) {
                prop_assert!(hops.as_str().bytes().all(|b| (0x20..0x7f).contains(&b)));
                prop_assert_eq!(read(&[hops.as_str()]).unwrap().unwrap(), hops);
            }
        }
    }
}
