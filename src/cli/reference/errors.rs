//! `errors.md`: the problems of the API, and what can go wrong with a delivery.

use super::markdown::{begin, code, ended, table};
use crate::http::reference;
use crate::transport;

const INTRO: &str = "\
An error of the API is a [problem](#problems-of-the-api). A delivery that fails has a \
[sentence](#when-a-delivery-fails) that says why.

## Problems of the API

An error is a document of the type `application/problem+json` (RFC 9457):

```json
{
  \"type\": \"urn:herald:problem:invalid\",
  \"title\": \"Some values are wrong\",
  \"status\": 422,
  \"detail\": \"`ORDER_CREATD` is not an event type of this account; did you mean \
ORDER_CREATED?\",
  \"instance\": \"urn:herald:request:req_01h455vb4pex5vsknk084sn02q\",
  \"errors\": [
    {
      \"pointer\": \"/event_type\",
      \"detail\": \"`ORDER_CREATD` is not an event type of this account; did you mean \
ORDER_CREATED?\"
    }
  ]
}
```

`type` and `title` are always the same for a kind of problem. `detail` says what happened this \
time. `instance` has the id of the header `request-id`: if something is wrong on Herald's side, \
its log names the cause with that id. `pointer` is a JSON pointer into the body, `?name` for a \
query parameter, or the name of a header.

In the table, `type` ends in the word of the second column.
";

const DELIVERIES: &str = "
## When a delivery fails

Each failed attempt keeps what happened and what to do about it: as `error` in the API, and on \
the delivery's page. `herald doctor --url` says the same of a target without sending anything to \
it. [Retries](../guides/webhooks.md#retries) has what counts as a failure and when Herald tries \
again.

A host with several addresses fails only if none of them accepts a connection. Herald tries the \
next address 250 ms after the one before, IPv6 and IPv4 by turns.

The names, addresses and numbers in the table are examples.

";

const MAILS: &str = "
## When a mail fails

The mail's page and `GET /v1/mails/{id}` have each try, with the mail server's own words. \
[Delivery of a mail](../guides/mail.md#delivery-of-a-mail) says what Herald does after each kind \
of refusal.
";

pub(super) fn page() -> String {
    let mut text = begin("Errors", INTRO);
    let problems = reference::problems().into_iter().map(|problem| {
        [
            problem.status.to_string(),
            code(problem.name),
            ended(problem.title),
            ended(problem.remedy),
        ]
    });
    let headings = ["status", "type", "what it is", "why, and what to do"];
    text.push_str(&table(headings, problems));
    text.push_str(DELIVERIES);
    let failures = transport::failures().into_iter();
    let failures = failures.map(|(what, remedy)| [ended(&what), do_what(&remedy)]);
    text.push_str(&table(["what the delivery says", "what to do"], failures));
    text.push_str(MAILS);
    text
}

/// What a rule of the addresses says ends in what would permit it: there is nothing more to do.
fn do_what(remedy: &str) -> String {
    if remedy.is_empty() {
        "See [Targets that are allowed](../guides/webhooks.md#targets-that-are-allowed).".to_owned()
    } else {
        ended(remedy)
    }
}
