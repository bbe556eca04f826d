//! How what the API's functions say reads on a page: what the API calls a subscription is a webhook
//! here. Everything that they refuse comes by here before it is shown.

use crate::http::problem::{Fault, ProblemDetails};

/// A word of the API, and what pages call it.
const WORDS: [(&str, &str); 4] = [
    ("subscription", "webhook"),
    ("subscriptions", "webhooks"),
    ("Subscription", "Webhook"),
    ("Subscriptions", "Webhooks"),
];

/// A problem with its texts as pages write them.
pub(super) fn problem(why: impl Into<ProblemDetails>) -> ProblemDetails {
    let problem = why.into();
    let detail = text(&problem.to_string());
    ProblemDetails::new(problem.kind(), detail)
        .with(faults(problem.faults()))
        .waiting_as(&problem)
}

/// Faults with their texts as pages write them.
pub(super) fn faults(faults: &[Fault]) -> Vec<Fault> {
    let worded = |fault: &Fault| Fault::new(fault.pointer.as_str(), text(&fault.detail));
    faults.iter().map(worded).collect()
}

/// A text as pages write it. Names of settings and fields, and what is quoted, stay as they are.
pub(super) fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // What ends the quotation; none: nothing is quoted here.
    let mut end: Option<char> = None;
    for piece in text.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end_matches(|c: char| c.is_whitespace() || ".,:;)".contains(c));
        let word = word.strip_suffix("'s").unwrap_or(word);
        let known = WORDS.iter().find(|(api, _)| *api == word);
        match (known.filter(|_| end.is_none()), piece.strip_prefix(word)) {
            (Some((_, page)), Some(rest)) => {
                out.push_str(page);
                out.push_str(rest);
            }
            _ => out.push_str(piece),
        }
        for c in piece.chars() {
            end = match (end, c) {
                (None, '`' | '"') => Some(c),
                (None, '“') => Some('”'),
                (Some(last), c) if c == last => None,
                (open, _) => open,
            };
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::problem::ProblemKind;
    use crate::service::Refusal;

    #[test]
    fn a_subscription_is_a_webhook_and_names_and_quotations_stay() {
        for (api, page) in [
            (
                "There is no such subscription in this account.",
                "There is no such webhook in this account.",
            ),
            (
                "The account has 2 subscriptions, and 2 is the most: raise account_subscriptions.",
                "The account has 2 webhooks, and 2 is the most: raise account_subscriptions.",
            ),
            (
                "`no subscription` is not a subscription id: it should be `sub_`",
                "`no subscription` is not a webhook id: it should be `sub_`",
            ),
            (
                "“My subscription” is the subscription's title",
                "“My subscription” is the webhook's title",
            ),
            (
                "did you mean subscription.made?",
                "did you mean subscription.made?",
            ),
            ("Subscription,\nsubscription)", "Webhook,\nwebhook)"),
            ("", ""),
        ] {
            assert_eq!(text(api), page);
        }
    }

    #[test]
    fn a_refusal_keeps_all_but_its_words() {
        let mut refusal = Refusal::invalid(vec![
            Fault::new("/subscription", "is no subscription"),
            Fault::new("/title", "is missing"),
        ]);
        refusal.retry_after = Some(7);
        let shown = problem(refusal);
        assert_eq!(shown.kind(), ProblemKind::Invalid);
        let expected = [
            Fault::new("/subscription", "is no webhook"),
            Fault::new("/title", "is missing"),
        ];
        assert_eq!(shown.faults(), expected);
        assert_eq!(shown.for_page().2, Some(7));
        let gone = problem(Refusal::not_found("subscription"));
        assert_eq!(
            gone.to_string(),
            "There is no such webhook in this account."
        );
    }
}
