//! The URL of a subscription, of which not everybody may see all: receivers, chat services above
//! all, take a credential in its path or query. Scheme, host and port are for everybody. Addresses
//! of a `mailto:` are no credentials.

use std::borrow::Cow;
use std::fmt;

use super::destination::is_mail;
use super::role::Role;

/// Stands for what is hidden.
pub const MASK: &str = "•••";
/// [`MASK`] in a URL that went through a parser.
const MASK_ENCODED: &str = "%E2%80%A2%E2%80%A2%E2%80%A2";
/// From so many bytes on, a part of a path or the value of a parameter may be a credential.
const LONG_PART: usize = 16;
/// From so many bytes on, a path whose parts are all short may be one.
const LONG_PATH: usize = 12;

/// A checked URL, whole.
#[derive(Clone, PartialEq, Eq)]
pub struct TargetUrl(String);

impl TargetUrl {
    /// A URL that was checked.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// All of it: to send to, and for admins.
    #[must_use]
    pub fn whole(&self) -> &str {
        &self.0
    }

    /// What everybody may see.
    #[must_use]
    pub fn masked(&self) -> Cow<'_, str> {
        masked(&self.0)
    }

    /// What somebody of this role may see.
    #[must_use]
    pub fn seen_by(&self, role: Role) -> Cow<'_, str> {
        match role {
            Role::Admin => Cow::Borrowed(&self.0),
            _ => self.masked(),
        }
    }

    /// Whether it is a `mailto:`.
    #[must_use]
    pub fn is_mail(&self) -> bool {
        is_mail(&self.0)
    }
}

impl fmt::Debug for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

/// A URL without what may be a credential. What is masked already stays as it is.
#[must_use]
pub fn masked(url: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Cow::Borrowed(url);
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let is_masked = path
        .strip_prefix('/')
        .is_some_and(|it| it.starts_with(MASK));
    if path.len() <= 1 || is_masked {
        return Cow::Borrowed(url);
    }
    Cow::Owned(format!("{scheme}://{host}/{MASK}"))
}

/// Whether a text is a masked URL, or was made of one.
#[must_use]
pub fn is_masked(url: &str) -> bool {
    url.contains(MASK) || url.to_ascii_uppercase().contains(MASK_ENCODED)
}

/// What of a URL is hidden where a receiver repeats it: error pages name the path that was asked
/// for.
#[derive(Clone, Default)]
pub struct Echoes(Vec<String>);

impl Echoes {
    /// Those of a URL.
    #[must_use]
    pub fn of(url: &str) -> Self {
        let rest = match url.split_once("://") {
            Some((_, rest)) if !is_masked(url) => rest,
            _ => return Self::default(),
        };
        let path = rest.find('/').and_then(|at| rest.get(at..));
        let path = path.unwrap_or_default();
        let mut parts: Vec<String> = path
            .split(['/', '?', '&', '='])
            .filter(|part| part.len() >= LONG_PART)
            .map(str::to_owned)
            .collect();
        if parts.is_empty() && path.len() >= LONG_PATH {
            parts.push(path.to_owned());
        }
        // The longest first: one may be a part of another.
        parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
        Self(parts)
    }

    /// A text in which they are hidden.
    #[must_use]
    pub fn hide(&self, text: String) -> String {
        self.0.iter().fold(text, |text, part| {
            if text.contains(part.as_str()) {
                text.replace(part.as_str(), MASK)
            } else {
                text
            }
        })
    }
}

impl fmt::Debug for Echoes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Echoes({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::target::Target;

    const CHAT: &str =
        "https://hooks.chat.example:8443/services/T00000000/B00000000/XyZ123XyZ123XyZ123XyZ123";

    #[test]
    fn scheme_host_and_port_are_for_everybody_and_the_rest_is_for_admins() {
        let url = TargetUrl::new(CHAT.to_owned());
        assert_eq!(url.masked(), "https://hooks.chat.example:8443/•••");
        assert_eq!(url.seen_by(Role::Viewer), url.masked());
        assert_eq!(url.seen_by(Role::Publisher), url.masked());
        assert_eq!(url.seen_by(Role::Admin), CHAT);
        assert_eq!(format!("{url:?}"), "https://hooks.chat.example:8443/•••");
        for plain in [
            "https://example.com/",
            "https://example.com",
            "mailto:ann@example.com",
        ] {
            assert_eq!(masked(plain), plain);
        }
        assert_eq!(
            masked("https://example.com/?key=1"),
            "https://example.com/•••"
        );
        assert_eq!(
            masked("https://example.com?key=1"),
            "https://example.com/•••"
        );
        let changed = "https://example.com/••• (changed)";
        assert_eq!(masked(changed), changed);
    }

    #[test]
    fn what_a_receiver_repeats_of_a_url_is_hidden() {
        let echoes = Echoes::of(CHAT);
        let page = "Cannot POST /services/T00000000/B00000000/XyZ123XyZ123XyZ123XyZ123!".to_owned();
        assert_eq!(
            echoes.hide(page),
            "Cannot POST /services/T00000000/B00000000/•••!"
        );
        let query = Echoes::of("https://example.com/in?a=1&token=0123456789abcdef&b=2");
        assert_eq!(
            query.hide("?token=0123456789abcdef".to_owned()),
            "?token=•••"
        );
        let short = Echoes::of("https://example.com/in/s3cret-01");
        assert_eq!(short.hide("at /in/s3cret-01".to_owned()), "at •••");
        for plain in [
            "https://example.com/",
            "https://example.com/hooks",
            "mailto:a@b.example",
        ] {
            let text = "hooks / mailto:a@b.example".to_owned();
            assert_eq!(Echoes::of(plain).hide(text.clone()), text);
        }
        assert_eq!(format!("{echoes:?}"), "Echoes(1)");
    }

    proptest! {
        #[test]
        fn no_path_and_no_query_is_left_in_a_masked_target(
            path in "[A-Za-z0-9/_=&?.~-]{1,60}",
            token in "[A-Za-z0-9]{16,40}",
        ) {
            let whole = format!("https://example.com/{path}{token}");
            let Ok(target) = Target::parse(&whole) else { return Ok(()) };
            let url = TargetUrl::new(target.as_str().to_owned());
            prop_assert_eq!(url.masked(), "https://example.com/•••");
            // Masked once more it is the same, and nobody takes it for a target.
            let once = url.masked();
            prop_assert_eq!(masked(&once), once.clone());
            prop_assert!(Target::parse(&url.masked()).is_err());
            let hidden = Echoes::of(url.whole()).hide(format!("no such page: {whole}"));
            prop_assert!(!hidden.contains(&token), "{}", hidden);
        }
    }
}
