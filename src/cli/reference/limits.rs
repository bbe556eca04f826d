//! `limits.md`: how much of each thing there may be, and what happens beyond that.

use super::markdown::{begin, table};
use crate::http::reference;

const INTRO: &str = "\
What Herald accepts, sends and keeps. A value with the name of a setting is its default; \
[Settings](settings.md) has the range. The problem types are in [Errors](errors.md).";

const END: &str = "
`GET /v1/accounts/{id}` and the account's page show how much of each bound an account uses.

A [plugin](../guides/plugin-language.md#when-a-script-fails) and a \
[schema](../guides/events.md#what-a-schema-may-cost) have limits of their own. When Herald holds \
much in memory, it [slows publishers down](../operating/sizing.md#memory) and refuses nothing.
";

pub(super) fn page() -> String {
    let mut text = begin("Limits", INTRO);
    for (heading, limits) in reference::limits() {
        let rows = limits
            .into_iter()
            .map(|limit| [limit.what.to_owned(), limit.most, limit.beyond.to_owned()]);
        let table = table(["what", "limit", "beyond it"], rows);
        text.push_str(&format!("\n## {heading}\n\n{table}"));
    }
    text.push_str(END);
    text
}
