//! Reads the queries of pages: every fault of one request is reported at once, and what is not known
//! is refused by name. The API's are inputs (`service::input`); forms of pages send fields that
//! nobody filled in, which count as absent.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use super::problem::{Fault, ProblemDetails};

/// The parameters of a query that are not taken yet, and the faults so far.
#[derive(Debug)]
pub(super) struct Query<'a> {
    left: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    known: Vec<&'static str>,
    faults: Vec<Fault>,
}

impl<'a> Query<'a> {
    /// Reads the part of an address behind the question mark.
    #[must_use]
    pub(super) fn parse(query: &'a str) -> Self {
        let left = url::form_urlencoded::parse(query.as_bytes()).collect();
        Self {
            left,
            known: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// Takes a parameter; an empty one counts as absent.
    pub(super) fn take<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.known.push(name);
        let place = self.left.iter().position(|(key, _)| key == name)?;
        let (_, value) = self.left.remove(place);
        if self.left.iter().any(|(key, _)| key == name) {
            self.left.retain(|(key, _)| key != name);
            self.fault(name, "is given more than once");
            return None;
        }
        if value.is_empty() {
            return None;
        }
        let read = read(&value);
        read.map_err(|detail| self.fault(name, detail)).ok()
    }

    /// Takes a parameter that `T` reads.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&mut self, name: &'static str) -> Option<T> {
        let read = |text: &str| text.parse::<T>().map_err(|error| error.to_string());
        self.take(name, read)
    }

    /// Takes a text of at most 200 characters.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        self.take(name, |text| match text.chars().count() {
            _ if text.contains('\0') => Err("must not hold the character 0".to_owned()),
            0..=200 => Ok(text.to_owned()),
            length => Err(format!("must have at most 200 characters, not {length}")),
        })
    }

    pub(super) fn fault(&mut self, name: &str, detail: impl Into<String>) {
        self.faults.push(Fault::new(format!("?{name}"), detail));
    }

    /// Ends the reading: what is left over is not known.
    ///
    /// # Errors
    /// Every fault at once.
    pub(super) fn finish(mut self) -> Result<(), ProblemDetails> {
        for (name, _) in &self.left {
            let name: String = name.chars().take(64).collect();
            let known = self.known.join(", ");
            let detail = if known.is_empty() {
                "is not known: no parameters are taken here".to_owned()
            } else {
                format!("is not known; the parameters are {known}")
            };
            self.faults.push(Fault::new(format!("?{name}"), detail));
        }
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(ProblemDetails::query(self.faults))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_or_repeated_parameter_is_refused_by_name() {
        let mut query = Query::parse("limit=1&limit=2&colour=red");
        assert_eq!(query.parsed::<u32>("limit"), None);
        let problem = query.finish().unwrap_err();
        let pointers: Vec<&str> = problem.faults().iter().map(|it| &*it.pointer).collect();
        assert_eq!(pointers, ["?limit", "?colour"]);
    }
}
