//! What a sender is made with, and reading the files that the settings name.

use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::extension::ClientId;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use crate::config::{MailConfig, SmtpServer, SmtpTls};
use crate::domain::mail::Mailbox;

/// A file with credentials is never longer, in bytes.
const MAX_CREDENTIALS: u64 = 4_096;

/// What a [`super::MailSender`] is made with.
#[derive(Clone)]
pub struct MailSettings {
    /// Where mails become files if there is no server.
    pub(super) folder: PathBuf,
    pub(super) server: Option<Server>,
    /// Connections at one time.
    pub(super) connections: usize,
    /// How long one try may take.
    pub(super) timeout: Duration,
    from: Mailbox,
}

/// The mail server with all that is needed to reach it.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) address: SmtpServer,
    /// None: the way there is not encrypted.
    pub(super) tls: Option<Tls>,
    pub(super) credentials: Option<Credentials>,
    /// What Herald calls itself.
    pub(super) hello: ClientId,
}

/// What the way to the mail server is encrypted with.
#[derive(Clone)]
pub(super) struct Tls {
    pub(super) settings: Arc<ClientConfig>,
    /// Whose certificate the server must have.
    pub(super) name: ServerName<'static>,
}

impl fmt::Debug for MailSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = self
            .server
            .as_ref()
            .map(|server| server.address.to_string());
        f.debug_struct("MailSettings")
            .field("server", &server)
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

/// What is wrong with the settings of mail.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A file cannot be read.
    #[error("{setting} names {path}, which cannot be read")]
    Unreadable {
        /// The key.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Everybody may read the password.
    #[error(
        "smtp_credentials_file names {0}, which everybody on this machine may read: \
         chmod o-rwx it"
    )]
    WorldReadable(PathBuf),
    /// It does not hold what it should.
    #[error("{setting} names {path}, which {what}")]
    Content {
        /// The key.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The host cannot be the name in a certificate.
    #[error("smtp_url names the host {0}, which no certificate can be for: use its DNS name")]
    Host(String),
    /// rustls does not take it.
    #[error("the way to the mail server cannot be encrypted")]
    Tls(#[source] rustls::Error),
    /// There is no sender.
    #[error("mail_from is not set")]
    NoFrom,
}

impl SettingsError {
    /// The key of the setting that is to be fixed.
    #[must_use]
    pub const fn setting(&self) -> &'static str {
        match self {
            Self::Unreadable { setting, .. } | Self::Content { setting, .. } => setting,
            Self::WorldReadable(_) => "smtp_credentials_file",
            Self::Host(_) | Self::Tls(_) => "smtp_url",
            Self::NoFrom => "mail_from",
        }
    }
}

impl MailSettings {
    /// Reads the files that the settings name. Without a server, mails become files in `mails`
    /// in the data folder.
    ///
    /// # Errors
    /// A file that is missing, that everybody may read, or that does not hold what it should.
    pub fn from_config(config: &MailConfig, data_dir: &Path) -> Result<Self, SettingsError> {
        let from = config.from.clone().ok_or(SettingsError::NoFrom)?;
        let server = match &config.server {
            None => None,
            Some(address) => Some(Server {
                tls: tls(address, config.ca_file.as_deref())?,
                credentials: match &config.credentials_file {
                    None => None,
                    Some(path) => Some(credentials(path, address.user.as_deref())?),
                },
                hello: hello(&from),
                address: address.clone(),
            }),
        };
        Ok(Self {
            folder: data_dir.join("mails"),
            server,
            connections: config.connections.max(1),
            timeout: Duration::from_secs(config.timeout_seconds.max(1)),
            from,
        })
    }

    /// The sender of Herald's own mails.
    #[must_use]
    pub const fn from(&self) -> &Mailbox {
        &self.from
    }

    /// Whether mails go to a mail server; else they become files.
    #[must_use]
    pub const fn has_server(&self) -> bool {
        self.server.is_some()
    }

    /// How long one try may take in all.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Mails that may be sent at one time.
    #[must_use]
    pub const fn connections(&self) -> usize {
        self.connections
    }
}

fn hello(from: &Mailbox) -> ClientId {
    // A name without a dot is nobody's; lettre's default is an address in brackets.
    if from.domain().contains('.') {
        ClientId::Domain(from.domain().to_owned())
    } else {
        ClientId::default()
    }
}

fn tls(server: &SmtpServer, ca: Option<&Path>) -> Result<Option<Tls>, SettingsError> {
    if server.tls == SmtpTls::None {
        return Ok(None);
    }
    let bare = server.host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(bare.to_owned())
        .map_err(|_name| SettingsError::Host(server.host.clone()))?;
    let roots = match ca {
        Some(path) => certificates(path)?,
        None => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            roots
        }
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let settings = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(SettingsError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let settings = Arc::new(settings);
    Ok(Some(Tls { settings, name }))
}

/// The certificates of a file in PEM.
fn certificates(path: &Path) -> Result<RootCertStore, SettingsError> {
    const SETTING: &str = "smtp_ca_file";
    let pem = fs::read(path).map_err(|source| SettingsError::Unreadable {
        setting: SETTING,
        path: path.to_owned(),
        source,
    })?;
    let content = |what| SettingsError::Content {
        setting: SETTING,
        path: path.to_owned(),
        what,
    };
    let unreadable = "holds a certificate that cannot be read";
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|_pem| content(unreadable))?;
        roots.add(certificate).map_err(|_der| content(unreadable))?;
    }
    if roots.is_empty() {
        return Err(content("holds no certificate in PEM"));
    }
    Ok(roots)
}

fn credentials(path: &Path, user: Option<&str>) -> Result<Credentials, SettingsError> {
    const SETTING: &str = "smtp_credentials_file";
    let unreadable = |source| SettingsError::Unreadable {
        setting: SETTING,
        path: path.to_owned(),
        source,
    };
    let content = |what| SettingsError::Content {
        setting: SETTING,
        path: path.to_owned(),
        what,
    };
    // The rights are asked of the very file that is read.
    let file = File::open(path).map_err(unreadable)?;
    let rights = file.metadata().map_err(unreadable)?.permissions().mode();
    if rights & 0o007 != 0 {
        return Err(SettingsError::WorldReadable(path.to_owned()));
    }
    let mut text = String::new();
    file.take(MAX_CREDENTIALS)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    let line = text.trim_end_matches(['\r', '\n']);
    if line.is_empty() || line.chars().any(char::is_control) {
        return Err(content("should hold one line: user:password"));
    }
    let (user, password) = match (user, line.split_once(':')) {
        // With the user in the URL, the file holds the password, which may have a colon.
        (Some(user), Some((before, password))) if before == user => (user, password),
        (Some(user), _) => (user, line),
        (None, Some((user, password))) if !user.is_empty() => (user, password),
        (None, _) => return Err(content("should hold user:password, or smtp_url the user")),
    };
    Ok(Credentials::new(user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(text: &str, rights: u32) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(rights)).unwrap();
        file
    }

    #[test]
    fn credentials_that_everybody_may_read_are_refused() {
        for (rights, fine) in [(0o600, true), (0o640, true), (0o644, false), (0o601, false)] {
            let file = file("ann:se:cret\n", rights);
            assert_eq!(credentials(file.path(), None).is_ok(), fine, "{rights:o}");
        }
    }

    #[test]
    fn the_user_stands_in_the_file_or_in_the_url() {
        for (text, user, expected) in [
            ("ann:se:cret\n", None, Some(("ann", "se:cret"))),
            ("se:cret", Some("ann"), Some(("ann", "se:cret"))),
            ("ann:secret", Some("ann"), Some(("ann", "secret"))),
            ("secret", None, None),
            (":secret", None, None),
            ("", None, None),
            ("ann:a\nb:c", None, None),
        ] {
            let file = file(text, 0o600);
            let read = credentials(file.path(), user).ok();
            let expected = expected
                .map(|(user, password)| Credentials::new(user.to_owned(), password.to_owned()));
            assert_eq!(read, expected, "{text:?}");
        }
    }

    #[test]
    fn a_file_of_certificates_must_hold_one() {
        let server = SmtpServer {
            tls: SmtpTls::Implicit,
            host: "mail.example.com".to_owned(),
            port: 465,
            user: None,
        };
        let file = file("nothing", 0o644);
        assert!(tls(&server, Some(file.path())).is_err());
        assert!(tls(&server, Some(Path::new("/nowhere/at/all"))).is_err());
    }
}
