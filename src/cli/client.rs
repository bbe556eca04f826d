//! Where the API is and whose token is used: the options that all commands over HTTP share.

use clap::Args;

use super::WrongUsage;
use crate::transport::api_client::{ApiClient, ApiError};

#[derive(Debug, Args)]
pub(super) struct ApiConnection {
    /// Where Herald listens
    #[arg(
        long,
        env = "HERALD_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:8080"
    )]
    server: String,
    /// The API token; the variable keeps it out of the list of processes
    #[arg(
        long,
        env = "HERALD_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    token: Option<String>,
    /// The account to work in, for operator-wide tokens
    #[arg(long, value_name = "ID|NAME")]
    account: Option<String>,
}

impl ApiConnection {
    pub(super) fn open(&self) -> anyhow::Result<ApiClient> {
        let token = self.token.as_deref().filter(|token| !token.is_empty());
        let token = token.ok_or(WrongUsage(
            "no token: set HERALD_TOKEN (`herald token create --account main --role admin` \
             makes one)",
        ))?;
        let opened: Result<_, ApiError> =
            ApiClient::new(&self.server, token, self.account.as_deref());
        Ok(opened?)
    }
}
