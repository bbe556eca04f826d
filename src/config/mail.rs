//! The settings of outgoing mail: their rows of the table, and how their texts are read. It
//! opens no file: whoever uses a file judges what it holds.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use url::{Host, Url};

use super::setting::{Kind, Setting, number, store};
use crate::domain::mail::Mailbox;

/// Everything about mail that an operator can set.
#[derive(Clone)]
pub struct MailConfig {
    /// The mail server; none: mails become files in the data folder.
    pub server: Option<SmtpServer>,
    /// The sender of Herald's own mails; none before the defaults are applied.
    pub from: Option<Mailbox>,
    /// The file with the user and the password.
    pub credentials_file: Option<PathBuf>,
    /// A PEM file with certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Connections to the mail server at one time.
    pub connections: usize,
    /// Seconds that one try may take.
    pub timeout_seconds: u64,
    /// Days that mails are kept, to the end of their month.
    pub retention_days: u32,
    /// Seconds that a target may fail before its account's admins get a mail.
    pub notice_after_seconds: u64,
}

impl MailConfig {
    pub(super) const fn blank() -> Self {
        Self {
            server: None,
            from: None,
            credentials_file: None,
            ca_file: None,
            connections: 0,
            timeout_seconds: 0,
            retention_days: 0,
            notice_after_seconds: 0,
        }
    }
}

/// How the way to the mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// From the first byte.
    Implicit,
    /// By STARTTLS, before anything else; a server without it gets no mail.
    StartTls,
    /// Not at all: to this very machine only.
    None,
}

/// A mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpServer {
    /// How the way there is encrypted.
    pub tls: SmtpTls,
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Who signs in, if the URL says so.
    pub user: Option<String>,
}

impl SmtpServer {
    /// Whether the host is this machine by its very name.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        self.host.eq_ignore_ascii_case("localhost")
            || bare
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, query) = match self.tls {
            SmtpTls::Implicit => ("smtps", ""),
            SmtpTls::StartTls => ("smtp", "?tls=required"),
            SmtpTls::None => ("smtp", "?tls=none"),
        };
        let user = self
            .user
            .as_ref()
            .map(|user| format!("{user}@"))
            .unwrap_or_default();
        write!(f, "{scheme}://{user}{}:{}{query}", self.host, self.port)
    }
}

fn smtp_url(text: &str) -> Result<Option<SmtpServer>, String> {
    const FORMS: &str = "smtps://user@host:465 (TLS), smtp://user@host:587 (STARTTLS, required) \
                         or smtp://127.0.0.1:25 (plain, to this machine only)";
    if text.is_empty() {
        return Ok(None);
    }
    // The text is never repeated: somebody may have put a password into it.
    let url = Url::parse(text).map_err(|error| format!("should be {FORMS}: {error}"))?;
    if url.password().is_some() {
        return Err(
            "holds a password: put it into the file of smtp_credentials_file, because \
                    settings are shown"
                .to_owned(),
        );
    }
    let host = match url.host() {
        Some(host) => host.to_string(),
        None => return Err(format!("names no host: it should be {FORMS}")),
    };
    if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
        return Err(format!("should end behind the port: {FORMS}"));
    }
    let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let wish = match query.as_slice() {
        [] => None,
        [(name, value)] if name == "tls" => Some(value.as_str()),
        _ => return Err("may have one parameter: ?tls=required or ?tls=none".to_owned()),
    };
    let user = percent_decoded(url.username())?;
    let mut server = SmtpServer {
        tls: SmtpTls::Implicit,
        port: url.port().unwrap_or(465),
        user: Some(user).filter(|user| !user.is_empty()),
        // An IPv6 address is in brackets here, and nowhere else.
        host: match url.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            _ => host,
        },
    };
    match (url.scheme(), wish) {
        ("smtps", None | Some("required")) => return Ok(Some(server)),
        ("smtps", Some(_)) => return Err("smtps:// is always encrypted: leave ?tls= out".into()),
        ("smtp", _) => {}
        _ => return Err(format!("should be {FORMS}")),
    }
    let loopback = server.is_loopback();
    server.tls = match wish {
        None if loopback => SmtpTls::None,
        None | Some("required") => SmtpTls::StartTls,
        Some("none") if loopback => SmtpTls::None,
        Some("none") => {
            return Err(format!(
                "would send mails and passwords over the network in plain: ?tls=none is for \
                 localhost, 127.0.0.1 and [::1] only, not for {}",
                server.host
            ));
        }
        Some(_) => return Err("?tls= should be required or none".to_owned()),
    };
    let default = if server.tls == SmtpTls::None { 25 } else { 587 };
    server.port = url.port().unwrap_or(default);
    Ok(Some(server))
}

fn percent_decoded(text: &str) -> Result<String, String> {
    let wrong = || "the user is not UTF-8 in percent-encoding".to_owned();
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let pair = [
                rest.next().ok_or_else(wrong)?,
                rest.next().ok_or_else(wrong)?,
            ];
            let digits = str::from_utf8(&pair).ok().ok_or_else(wrong)?;
            bytes.push(u8::from_str_radix(digits, 16).ok().ok_or_else(wrong)?);
        } else {
            bytes.push(byte);
        }
    }
    let text = String::from_utf8(bytes).ok().ok_or_else(wrong)?;
    if text.chars().any(char::is_control) {
        return Err("the user may not hold control characters".to_owned());
    }
    Ok(text)
}

fn path(text: &str) -> Option<PathBuf> {
    Some(text)
        .filter(|text| !text.is_empty())
        .map(PathBuf::from)
}

fn shown(path: Option<&PathBuf>) -> String {
    path.map(|path| path.display().to_string())
        .unwrap_or_default()
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "smtp_url",
        variable: "HERALD_SMTP_URL",
        default: "",
        meaning: "The mail server: smtps://user@host:465 (TLS), smtp://user@host:587 (STARTTLS, \
                  required) or smtp://127.0.0.1:25 (plain, to this machine only, unless \
                  ?tls=required); not set: mails become .eml files in data_dir/mails.",
        kind: Kind::Text,
        set: |config, text| store(&mut config.mail.server, smtp_url(text)),
        show: |config| {
            let server = config.mail.server.as_ref();
            server.map(SmtpServer::to_string).unwrap_or_default()
        },
    },
    Setting {
        key: "mail_from",
        variable: "HERALD_MAIL_FROM",
        default: "Herald <herald@localhost>",
        meaning: "The sender of Herald's own mails, such as Herald <herald@example.com>.",
        kind: Kind::Text,
        set: |config, text| {
            let read = text.parse().map(Some);
            store(
                &mut config.mail.from,
                read.map_err(|error: crate::domain::mail::AddressError| error.to_string()),
            )
        },
        show: |config| {
            let from = config.mail.from.as_ref();
            from.map(Mailbox::to_string).unwrap_or_default()
        },
    },
    Setting {
        key: "smtp_credentials_file",
        variable: "HERALD_SMTP_CREDENTIALS_FILE",
        default: "",
        meaning: "A file with user:password for the mail server in one line, or the password \
                  alone if smtp_url names the user; only its owner (and group) may read it.",
        kind: Kind::Text,
        set: |config, text| {
            config.mail.credentials_file = path(text);
            Ok(())
        },
        show: |config| shown(config.mail.credentials_file.as_ref()),
    },
    Setting {
        key: "smtp_ca_file",
        variable: "HERALD_SMTP_CA_FILE",
        default: "",
        meaning: "A PEM file with the certificates to trust for the mail server, instead of the \
                  system's.",
        kind: Kind::Text,
        set: |config, text| {
            config.mail.ca_file = path(text);
            Ok(())
        },
        show: |config| shown(config.mail.ca_file.as_ref()),
    },
    Setting {
        key: "smtp_connections",
        variable: "HERALD_SMTP_CONNECTIONS",
        default: "4",
        meaning: "Connections to the mail server at one time (1 to 64).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.mail.connections, number(text, 1..=64)),
        show: |config| config.mail.connections.to_string(),
    },
    Setting {
        key: "smtp_timeout_seconds",
        variable: "HERALD_SMTP_TIMEOUT_SECONDS",
        default: "60",
        meaning: "Seconds that one try of a mail may take in all (2 to 600).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.mail.timeout_seconds, number(text, 2..=600)),
        show: |config| config.mail.timeout_seconds.to_string(),
    },
    Setting {
        key: "mail_retention_days",
        variable: "HERALD_MAIL_RETENTION_DAYS",
        default: "365",
        meaning: "Days that mails are kept, to the end of their month (7 to 3650).",
        kind: Kind::Number,
        set: |config, text| store(&mut config.mail.retention_days, number(text, 7..=3_650)),
        show: |config| config.mail.retention_days.to_string(),
    },
    Setting {
        key: "notice_after_seconds",
        variable: "HERALD_NOTICE_AFTER_SECONDS",
        default: "600",
        meaning: "Seconds that a target may fail before its account's admins get a mail \
                  (1 to 86400).",
        kind: Kind::Number,
        set: |config, text| {
            store(
                &mut config.mail.notice_after_seconds,
                number(text, 1..=86_400),
            )
        },
        show: |config| config.mail.notice_after_seconds.to_string(),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        smtp_url(text).map(|it| it.map(|it| it.to_string()).unwrap_or_default())
    }

    #[test]
    fn the_way_to_the_mail_server_is_encrypted_or_stays_on_this_machine() {
        for (text, expected) in [
            ("", ""),
            ("smtps://mail.example.com", "smtps://mail.example.com:465"),
            (
                "smtps://ann%40x@mail.example.com:466",
                "smtps://ann@x@mail.example.com:466",
            ),
            (
                "smtp://mail.example.com",
                "smtp://mail.example.com:587?tls=required",
            ),
            ("smtp://127.0.0.1", "smtp://127.0.0.1:25?tls=none"),
            (
                "smtp://localhost:2525?tls=none",
                "smtp://localhost:2525?tls=none",
            ),
            (
                "smtp://127.0.0.1:2525?tls=required",
                "smtp://127.0.0.1:2525?tls=required",
            ),
            ("smtp://[::1]:25/", "smtp://::1:25?tls=none"),
        ] {
            assert_eq!(read(text), Ok(expected.to_owned()), "{text}");
        }
        for bad in [
            "smtp://mail.example.com?tls=none",
            "smtp://10.0.0.1:25?tls=none",
            "smtp://localhost.example.com?tls=none",
            "smtp://mail.example.com?tls=opportunistic",
            "smtps://127.0.0.1?tls=none",
            "http://mail.example.com",
            "mail.example.com:25",
            "smtp://",
            "smtp://mail.example.com/path",
            "smtp://a%0d%0ab@mail.example.com",
        ] {
            assert!(read(bad).is_err(), "{bad} became {:?}", read(bad));
        }
        let error = read("smtp://ann:secret@mail.example.com").unwrap_err();
        assert!(
            error.contains("smtp_credentials_file") && !error.contains("secret"),
            "{error}"
        );
    }
}
