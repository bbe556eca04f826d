//! The way to the mail server, up to the sign-in.

use super::finding::DoctorFinding;
use crate::config::Config;
use crate::mail::{MailSettings, try_server};

pub(super) async fn examine(config: &Config) -> Vec<DoctorFinding> {
    const CHECK: &str = "mail server";
    let settings = match MailSettings::from_config(&config.mail, &config.data_dir) {
        Ok(settings) => settings,
        Err(error) => {
            let remedy = "fix the file, or the setting that names it";
            return vec![DoctorFinding::failed(CHECK, error.to_string(), remedy)];
        }
    };
    let Some(server) = &config.mail.server else {
        let folder = config.data_dir.join("mails");
        return vec![DoctorFinding::warning(
            CHECK,
            format!("none is set: mails become files in {}", folder.display()),
            "set smtp_url, if people are to get mails",
        )];
    };
    let finding = match try_server(&settings).await {
        Ok(()) if config.mail.credentials_file.is_some() => {
            DoctorFinding::ok(CHECK, format!("{server} lets us in"))
        }
        Ok(()) => DoctorFinding::ok(CHECK, format!("{server} answers; nobody signs in")),
        Err(reason) => DoctorFinding::failed(
            CHECK,
            format!("{server}: {reason}"),
            "check smtp_url, smtp_credentials_file and smtp_ca_file, and whether a firewall lets \
             this machine send mail",
        ),
    };
    vec![finding]
}
