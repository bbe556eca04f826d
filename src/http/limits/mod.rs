//! The limits that the reference lists: each number comes from the constant or the setting that
//! bounds it.

mod amount;
mod client;
mod request;
mod webhook;

pub(crate) struct LimitRow {
    /// What is bounded.
    pub what: &'static str,
    /// How much of it there may be.
    pub most: String,
    /// What happens beyond that.
    pub beyond: &'static str,
}

/// The limits, each group under its heading.
pub(crate) fn limits() -> Vec<(&'static str, Vec<LimitRow>)> {
    vec![
        ("Events", request::events()),
        ("Requests", request::requests()),
        ("Clients", client::clients()),
        ("Webhooks", webhook::webhooks()),
        ("Answers of receivers", webhook::answers()),
        ("Mails and activities", request::mails_and_activities()),
        ("Pages and people", client::people()),
        ("Accounts", client::accounts()),
        ("How long data is kept", client::retention()),
    ]
}

fn limit(what: &'static str, most: impl Into<String>, beyond: &'static str) -> LimitRow {
    let most = most.into();
    LimitRow { what, most, beyond }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_has_its_number() {
        for (heading, limits) in limits() {
            for limit in limits {
                let shown = format!("{heading}: {}: {}", limit.what, limit.most);
                let all = [limit.what, &limit.most, limit.beyond];
                assert!(all.iter().all(|it| !it.is_empty()), "{shown}");
                assert!(!limit.most.starts_with(['0', ' ']), "{shown}");
            }
        }
    }
}
