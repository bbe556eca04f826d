//! Which senders an account may name in its mails. `mail_from` of the settings is Herald's own:
//! by it people know Herald's invitations and links, so no account names it unless an operator
//! lists that very address.

use std::fmt;
use std::str::FromStr;

use super::{AddressError, Mailbox};

/// Upper bound of the entries of one account.
pub const MAX_SENDERS: usize = 50;

/// One entry: `shop@example.com`, or `example.com` for every address of that domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender(String);

impl Sender {
    /// As it is shown and stored: the domain in ASCII and lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the database holds, where only checked ones were written.
    #[must_use]
    pub const fn stored(text: String) -> Self {
        Self(text)
    }

    fn is_address(&self) -> bool {
        self.0.contains('@')
    }

    fn permits(&self, address: &str, domain: &str) -> bool {
        self.0 == if self.is_address() { address } else { domain }
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Sender {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.contains('@') {
            return Mailbox::new(None, text).map(|it| Self(it.address()));
        }
        Mailbox::new(None, &format!("postmaster@{text}")).map(|it| Self(it.domain().to_owned()))
    }
}

/// The senders of one account.
#[derive(Debug, Clone, Copy)]
pub struct Senders<'a> {
    /// What an operator listed; None: the domain of `mail_from`.
    pub listed: Option<&'a [Sender]>,
    /// `mail_from` of the settings.
    pub mail_from: &'a Mailbox,
}

impl Senders<'_> {
    /// The sender of a mail: the one that is named, if the account may use it; else the first
    /// address that is listed; without a list `mail_from`.
    ///
    /// # Errors
    /// As a text for the publisher: the account may not use it, or must name one.
    pub fn choose(&self, named: Option<Mailbox>) -> Result<Mailbox, String> {
        let Some(named) = named else {
            let Some(listed) = self.listed else {
                return Ok(self.mail_from.clone());
            };
            let first = listed.iter().find(|it| it.is_address());
            return first
                .and_then(|it| Mailbox::new(None, it.as_str()).ok())
                .ok_or_else(|| format!("is missing: this account sends as {}", self.permitted()));
        };
        let (address, domain) = (named.address(), named.domain());
        let permitted = match self.listed {
            Some(listed) => listed.iter().any(|it| {
                it.permits(&address, domain) && (it.is_address() || !self.is_own(&address))
            }),
            None => domain == self.mail_from.domain() && !self.is_own(&address),
        };
        if permitted {
            return Ok(named);
        }
        Err(format!(
            "this account may not send as {address}, only as {}; an operator changes that by the \
             account's `mail_senders`",
            self.permitted()
        ))
    }

    fn is_own(&self, address: &str) -> bool {
        self.mail_from.address().eq_ignore_ascii_case(address)
    }

    fn permitted(&self) -> String {
        let any = |domain: &str| format!("any address at {domain}");
        let own = |domain: &str| {
            if domain == self.mail_from.domain() {
                format!(" but {}, which is Herald's own", self.mail_from.address())
            } else {
                String::new()
            }
        };
        let Some(listed) = self.listed else {
            let domain = self.mail_from.domain();
            return any(domain) + own(domain).as_str();
        };
        let words: Vec<String> = listed
            .iter()
            .map(|it| {
                if it.is_address() {
                    it.to_string()
                } else {
                    any(it.as_str()) + own(it.as_str()).as_str()
                }
            })
            .collect();
        if words.is_empty() {
            return "nobody".to_owned();
        }
        words.join(" or ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox(text: &str) -> Mailbox {
        text.parse().unwrap()
    }

    fn senders(listed: &[&str]) -> Vec<Sender> {
        listed.iter().map(|it| it.parse().unwrap()).collect()
    }

    #[test]
    fn an_entry_is_an_address_or_a_domain() {
        for (text, stored) in [
            ("shop@Example.com", "shop@example.com"),
            ("Example.COM", "example.com"),
            ("bücher.example", "xn--bcher-kva.example"),
        ] {
            assert_eq!(text.parse::<Sender>().unwrap().as_str(), stored);
        }
        for bad in [
            "",
            "@example.com",
            "*.example.com",
            "a b",
            "Ann <a@example.com>",
        ] {
            assert!(bad.parse::<Sender>().is_err(), "{bad}");
        }
    }

    #[test]
    fn without_a_list_the_domain_of_mail_from_is_free_and_mail_from_itself_is_heralds() {
        let own = mailbox("Herald <herald@example.com>");
        let senders = Senders {
            listed: None,
            mail_from: &own,
        };
        let shop = mailbox("Shop <shop@example.com>");
        assert_eq!(senders.choose(Some(shop.clone())), Ok(shop));
        assert_eq!(senders.choose(None), Ok(own.clone()));
        for foreign in [
            "herald@example.com",
            "Your bank <HERALD@example.com>",
            "shop@example.org",
            "shop@mail.example.com",
        ] {
            let refused = senders.choose(Some(mailbox(foreign))).unwrap_err();
            assert!(
                refused.contains("any address at example.com but"),
                "{refused}"
            );
        }
    }

    #[test]
    fn a_list_permits_what_it_names_and_nothing_else() {
        let own = mailbox("herald@example.com");
        let listed = senders(&["shop.example", "news@paper.example", "news@other.example"]);
        let account = Senders {
            listed: Some(&listed),
            mail_from: &own,
        };
        for fine in ["a@shop.example", "news@paper.example"] {
            assert!(account.choose(Some(mailbox(fine))).is_ok(), "{fine}");
        }
        for bad in ["a@paper.example", "shop@example.com", "herald@example.com"] {
            assert!(account.choose(Some(mailbox(bad))).is_err(), "{bad}");
        }
        assert_eq!(account.choose(None), Ok(mailbox("news@paper.example")));
        let domain = senders(&["shop.example"]);
        let account = Senders {
            listed: Some(&domain),
            ..account
        };
        assert!(account.choose(None).unwrap_err().starts_with("is missing"));
        // A domain does not open Herald's own address; naming that does.
        for (entry, fine) in [("example.com", false), ("herald@example.com", true)] {
            let listed = senders(&[entry]);
            let account = Senders {
                listed: Some(&listed),
                ..account
            };
            assert_eq!(account.choose(Some(own.clone())).is_ok(), fine, "{entry}");
        }
        let nobody = Senders {
            listed: Some(&[]),
            ..account
        };
        assert!(nobody.choose(Some(own.clone())).is_err());
    }
}
