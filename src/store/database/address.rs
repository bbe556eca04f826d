//! A database URL in its parts: what the library reads by itself, and what is said of TLS, of
//! which it knows only a part. Both notations of PostgreSQL are read: `postgresql://…` and
//! `host=… user=…`.

use std::path::{Path, PathBuf};

use tokio_postgres::config::{Host, SslMode};

use crate::store::StoreError;

/// `sslmode`, with the meaning that it has for PostgreSQL's own clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TlsMode {
    /// Never.
    Disable,
    /// If the server can; nothing is verified.
    Prefer,
    /// Always. The certificate is verified if a CA is named, its name is not.
    Require,
    /// Always, with a certificate of a trusted CA.
    VerifyCa,
    /// Always, with a certificate of a trusted CA for this host.
    VerifyFull,
}

/// Whose certificates are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Roots {
    /// Those of the operating system.
    System,
    /// Those of a file in PEM.
    File(PathBuf),
}

/// Where the database is, and how to get there.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) settings: tokio_postgres::Config,
    pub(super) mode: TlsMode,
    /// None: neither the URL nor a setting names any.
    pub(super) roots: Option<Roots>,
}

impl Address {
    /// Reads a URL. `ca_file` is trusted if the URL names no CA itself.
    ///
    /// # Errors
    /// When it cannot be read; the text repeats nothing of it, since it may hold a password.
    pub(super) fn read(text: &str, ca_file: Option<&Path>) -> Result<Self, StoreError> {
        let (rest, mode, roots) = if text.contains("://") {
            without_tls_in_url(text)?
        } else {
            without_tls_in_pairs(text)?
        };
        let mut settings: tokio_postgres::Config = rest.parse().map_err(|error| {
            StoreError::Unfit(format!("the database URL cannot be read: {error}"))
        })?;
        let mode = match mode {
            None => TlsMode::Prefer,
            Some(text) => read_mode(&text)?,
        };
        let roots = match roots {
            Some(text) if text == "system" => Some(Roots::System),
            Some(text) => Some(Roots::File(text.into())),
            None => ca_file.map(|path| Roots::File(path.to_owned())),
        };
        if settings.get_hosts().is_empty() {
            // The library has no name for the handshake then.
            for address in settings.get_hostaddrs().to_vec() {
                settings.host(address.to_string());
            }
        }
        let on_sockets = settings
            .get_hosts()
            .iter()
            .all(|host| matches!(host, Host::Unix(_)));
        // PostgreSQL offers no TLS on its sockets; its own clients ignore the mode there too.
        let mode = if on_sockets { TlsMode::Disable } else { mode };
        settings.ssl_mode(match mode {
            TlsMode::Disable => SslMode::Disable,
            TlsMode::Prefer => SslMode::Prefer,
            TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
        });
        Ok(Self {
            settings,
            mode,
            roots,
        })
    }

    /// A host on another machine whose identity nothing proves.
    pub(super) fn unproven_host(&self) -> Option<&str> {
        let proven = match self.mode {
            TlsMode::VerifyCa | TlsMode::VerifyFull => true,
            TlsMode::Require => self.roots.is_some(),
            TlsMode::Disable | TlsMode::Prefer => false,
        };
        if proven {
            return None;
        }
        self.settings
            .get_hosts()
            .iter()
            .find_map(|host| match host {
                Host::Tcp(name) if !is_local(name) => Some(name.as_str()),
                _ => None,
            })
    }
}

fn is_local(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn read_mode(text: &str) -> Result<TlsMode, StoreError> {
    match text {
        "disable" => Ok(TlsMode::Disable),
        "prefer" => Ok(TlsMode::Prefer),
        "require" => Ok(TlsMode::Require),
        "verify-ca" => Ok(TlsMode::VerifyCa),
        "verify-full" => Ok(TlsMode::VerifyFull),
        _ => Err(StoreError::Unfit(
            "the sslmode of the database URL should be disable, prefer, require, verify-ca or \
             verify-full"
                .to_owned(),
        )),
    }
}

/// The text without the parameters of TLS, and their values.
type WithoutTls = (String, Option<String>, Option<String>);

fn without_tls_in_url(text: &str) -> Result<WithoutTls, StoreError> {
    let Some((before, query)) = text.split_once('?') else {
        return Ok((text.to_owned(), None, None));
    };
    let (mut mode, mut roots, mut kept) = (None, None, Vec::new());
    for part in query.split('&') {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match name {
            "sslmode" => mode = Some(decoded(value)?),
            "sslrootcert" => roots = Some(decoded(value)?),
            _ => kept.push(part),
        }
    }
    let rest = if kept.is_empty() {
        before.to_owned()
    } else {
        format!("{before}?{}", kept.join("&"))
    };
    Ok((rest, mode, roots))
}

fn decoded(value: &str) -> Result<String, StoreError> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        rest = others;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let byte = rest
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let (Some(byte), Some(others)) = (byte, rest.get(2..)) else {
            return Err(unreadable());
        };
        bytes.push(byte);
        rest = others;
    }
    String::from_utf8(bytes).map_err(|_not_utf8| unreadable())
}

fn unreadable() -> StoreError {
    StoreError::Unfit(
        "sslmode or sslrootcert in the database URL cannot be read: after `%` two hexadecimal \
         digits are expected"
            .to_owned(),
    )
}

/// `name = value`, a value in single quotes where it holds spaces, `\` before `'` and `\`.
fn without_tls_in_pairs(text: &str) -> Result<WithoutTls, StoreError> {
    let (mut mode, mut roots, mut kept) = (None, None, String::new());
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let Some((name, after)) = rest.split_once('=') else {
            return Err(StoreError::Unfit(
                "the database URL cannot be read: each of its parts should be like name=value"
                    .to_owned(),
            ));
        };
        let (value, length) = value_of(after.trim_start());
        let after = after.trim_start().get(length..).unwrap_or_default();
        match name.trim() {
            "sslmode" => mode = Some(value),
            "sslrootcert" => roots = Some(value),
            _ => {
                let part = rest.len().saturating_sub(after.len());
                kept.push_str(rest.get(..part).unwrap_or_default());
                kept.push(' ');
            }
        }
        rest = after.trim_start();
    }
    Ok((kept, mode, roots))
}

/// The value that the text begins with, and its length in the text.
fn value_of(text: &str) -> (String, usize) {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut escaped = false;
    for (place, c) in text.char_indices().skip(usize::from(quoted)) {
        match c {
            _ if escaped => {
                escaped = false;
                value.push(c);
            }
            '\\' => escaped = true,
            '\'' if quoted => return (value, place + 1),
            c if !quoted && c.is_whitespace() => return (value, place),
            c => value.push(c),
        }
    }
    (value, text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Address {
        Address::read(text, None).unwrap()
    }

    #[test]
    fn what_is_said_of_tls_is_taken_out_of_both_notations() {
        let file = Some(Roots::File("/etc/my ca.pem".into()));
        for text in [
            "postgresql://ann:a%3Fb@db.example:5433/herald?sslmode=verify-full&sslrootcert=/etc/my%20ca.pem&connect_timeout=3",
            "host=db.example port=5433 user = ann password='a?b' sslmode = verify-full sslrootcert='/etc/my ca.pem' dbname=herald",
            r"sslrootcert=/etc/my\ ca.pem sslmode='verify-full' host=db.example port=5433 user=ann password=a?b dbname='herald'",
        ] {
            let address = read(text);
            assert_eq!(address.mode, TlsMode::VerifyFull, "{text}");
            assert_eq!(address.roots, file, "{text}");
            assert_eq!(address.settings.get_ssl_mode(), SslMode::Require);
            assert_eq!(address.settings.get_user(), Some("ann"));
            assert_eq!(address.settings.get_password(), Some(&b"a?b"[..]));
            assert_eq!(address.settings.get_dbname(), Some("herald"));
            assert_eq!(address.settings.get_ports(), [5433]);
        }
    }

    #[test]
    fn prefer_is_the_default_and_sockets_have_no_tls() {
        assert_eq!(read("postgresql://db.example/herald").mode, TlsMode::Prefer);
        let socket = "postgresql:///herald?host=/run/postgresql&sslmode=require";
        assert_eq!(read(socket).mode, TlsMode::Disable);
        assert_eq!(
            read("postgresql://herald@%2Frun%2Fpostgresql/herald").mode,
            TlsMode::Disable
        );
    }

    #[test]
    fn an_address_without_a_name_is_its_own_name() {
        let address = read("hostaddr=192.0.2.1 user=ann sslmode=require");
        assert_eq!(
            address.settings.get_hosts(),
            [Host::Tcp("192.0.2.1".to_owned())]
        );
    }

    #[test]
    fn a_ca_of_the_url_comes_before_the_setting() {
        let ca = Path::new("/etc/setting.pem");
        let of = |text| Address::read(text, Some(ca)).unwrap().roots;
        assert_eq!(of("postgresql://db/x"), Some(Roots::File(ca.to_owned())));
        assert_eq!(
            of("postgresql://db/x?sslrootcert=system"),
            Some(Roots::System)
        );
        let own = "postgresql://db/x?sslrootcert=/own.pem";
        assert_eq!(of(own), Some(Roots::File("/own.pem".into())));
    }

    #[test]
    fn a_host_elsewhere_that_nothing_proves_is_told() {
        let ca = Path::new("/ca.pem");
        let unproven = |text: &str, ca| {
            let address = Address::read(text, ca).unwrap();
            address.unproven_host().map(ToOwned::to_owned)
        };
        let db = Some("db.example".to_owned());
        assert_eq!(unproven("postgresql://db.example/x", None), db);
        assert_eq!(
            unproven("postgresql://db.example/x?sslmode=require", None),
            db
        );
        assert_eq!(unproven("postgresql://db.example/x", Some(ca)), db);
        for text in [
            "postgresql://db.example/x?sslmode=verify-full",
            "postgresql://db.example/x?sslmode=verify-ca",
            "postgresql://127.0.0.1/x",
            "postgresql://localhost/x",
            "postgresql:///x?host=/run/postgresql",
        ] {
            assert_eq!(unproven(text, None), None, "{text}");
        }
        let required = "postgresql://db.example/x?sslmode=require";
        assert_eq!(unproven(required, Some(ca)), None);
    }

    #[test]
    fn what_cannot_be_read_is_told_without_being_repeated() {
        for text in [
            "postgresql://ann:hunter2@db/x?sslmode=always",
            "postgresql://ann:hunter2@db/x?sslmode=%zz",
            "host=db password=hunter2 sslmode=always",
            "host=db password=hunter2 hunter2",
            "postgresql://ann:hunter2@db/x?sslkey=hunter2",
        ] {
            let error = Address::read(text, None).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
