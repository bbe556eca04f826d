//! The mail that a delivery to `mailto:` becomes: what a script drew up, or a clean default.

use std::fmt::Write;

use chrono::{DateTime, SecondsFormat, Utc};

use super::detail::Detail;
use super::{Attempt, AttemptResult, Ending, nothing_sent};
use crate::actors::routing::Route;
use crate::domain::mail::{MAX_BODY, MAX_SUBJECT, MAX_TOPIC, Mailbox, NewMail, body, in_one_line};
use crate::plugin::{Delivered, MailDraft, Run, ScriptVerdict};

/// Bytes of a payload that a mail of the default kind shows.
const MOST_SHOWN: usize = 128 << 10;

/// A mail with what is to be kept of the scripts that drew it up.
pub(in crate::actors::delivery) struct DrawnUp {
    pub(in crate::actors::delivery) mail: NewMail,
    /// JSON; none if no script ran.
    pub(in crate::actors::delivery) detail: Option<String>,
}

/// Makes a mail of a delivery. If none can be made, returns the attempt as it is to be recorded.
pub(in crate::actors::delivery) fn draw_up(
    route: &Route,
    to: &[Mailbox],
    from: &Mailbox,
    what: &Attempt,
    run: Option<Box<Run>>,
) -> Result<DrawnUp, Box<AttemptResult>> {
    let mut detail = Detail::default();
    let failed = |mut detail: Detail<'static>, error: String| {
        detail.error = Some(error);
        Box::new(nothing_sent(route, what, Ending::Failure(None), detail))
    };
    let ran = run.is_some();
    let mail = match run.map(|run| detail.ran(*run)) {
        None => default_mail(route, to, from, what, None),
        Some(Ok(ScriptVerdict::Deliver(delivered))) => {
            default_mail(route, to, from, what, Some(&delivered))
        }
        Some(Ok(ScriptVerdict::Mail(draft))) => drafted(route, to, from, what, draft),
        Some(Ok(ScriptVerdict::Filtered { script })) => {
            detail.filtered_by = Some(script.to_string());
            return Err(Box::new(nothing_sent(
                route,
                what,
                Ending::Filtered,
                detail,
            )));
        }
        Some(Err(failure)) => {
            let (script, fault) = (&failure.script, failure.fault.without_source());
            let error = format!("The plugin {script} failed: {fault}");
            return Err(failed(detail, error));
        }
    };
    match mail {
        Ok(mail) => Ok(DrawnUp {
            mail,
            detail: ran.then(|| serde_json::to_string(&detail).ok()).flatten(),
        }),
        Err(error) => Err(failed(detail, error)),
    }
}

fn topic(what: &Attempt) -> String {
    what.event_type.chars().take(MAX_TOPIC).collect()
}

fn drafted(
    route: &Route,
    to: &[Mailbox],
    from: &Mailbox,
    what: &Attempt,
    draft: MailDraft,
) -> Result<NewMail, String> {
    let wrong = |reason: String| format!("The plugin's mail cannot be sent: {reason}.");
    let to = if draft.to.is_empty() {
        to.to_vec()
    } else {
        let read = |text: &String| {
            let read = text.parse::<Mailbox>();
            read.map_err(|error| wrong(format!("to: {text:?}: {error}")))
        };
        draft.to.iter().map(read).collect::<Result<_, _>>()?
    };
    let subject = if draft.subject.trim().is_empty() {
        default_subject(route, what)
    } else {
        draft.subject
    };
    let html = draft.html.map(|html| body(&html)).transpose();
    let html = html.map_err(|error| wrong(format!("html: {error}")))?;
    let mail = NewMail::new(&topic(what), from.clone(), to, &subject, &draft.text);
    Ok(NewMail {
        html,
        ..mail.map_err(|error| wrong(error.to_string()))?
    })
}

fn default_subject(route: &Route, what: &Attempt) -> String {
    let test = if what.test { "Test: " } else { "" };
    let whole = format!("{test}{} ({})", what.event_type, route.title);
    // A title may hold what a header may not.
    in_one_line(&whole, MAX_SUBJECT)
}

fn default_mail(
    route: &Route,
    to: &[Mailbox],
    from: &Mailbox,
    what: &Attempt,
    made: Option<&Delivered>,
) -> Result<NewMail, String> {
    let accepted = DateTime::<Utc>::from_timestamp_millis(what.event.millis()).unwrap_or_default();
    let payload = match made.filter(|made| made.changed) {
        Some(made) => String::from_utf8_lossy(&made.body),
        None => String::from_utf8_lossy(&what.payload),
    };
    let mut text = String::new();
    let _ = write!(
        text,
        "Event: {}\nId: {}\nAccepted: {}\nSubscription: {} ({})\n\n",
        what.event_type,
        what.event,
        accepted.to_rfc3339_opts(SecondsFormat::Secs, true),
        route.title.replace(['\r', '\n'], " "),
        route.id,
    );
    if what.test {
        text.insert_str(0, "This is a test. Nothing happened.\n\n");
    }
    indent(&payload, &mut text);
    text.push('\n');
    text.truncate(text.floor_char_boundary(MAX_BODY));
    NewMail::new(
        &topic(what),
        from.clone(),
        to.to_vec(),
        &default_subject(route, what),
        &text,
    )
    .map_err(|error| format!("It cannot be made a mail: {error}."))
}

/// Writes JSON with a line for each entry. The values stay as they were written: large numbers
/// would not if they were read and written again. Text that is not JSON stays as it is.
fn indent(json: &str, text: &mut String) {
    let cut = json
        .get(..json.floor_char_boundary(MOST_SHOWN))
        .unwrap_or_default();
    let is_json = cut.trim_start().starts_with(['{', '[']);
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    let line = |text: &mut String, depth: usize| {
        text.push('\n');
        text.extend(std::iter::repeat_n("  ", depth.min(32)));
    };
    let mut characters = cut.chars().peekable();
    while let Some(c) = characters.next() {
        if !is_json || quoted {
            text.push(c);
            quoted = is_json && (escaped || c != '"');
            escaped = !escaped && c == '\\';
            continue;
        }
        match c {
            '"' => {
                quoted = true;
                text.push(c);
            }
            '{' | '[' => {
                text.push(c);
                while characters.next_if(|c| c.is_ascii_whitespace()).is_some() {}
                if let Some(end) = characters.next_if(|c| matches!(c, '}' | ']')) {
                    text.push(end);
                } else {
                    depth += 1;
                    line(text, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(text, depth);
                text.push(c);
            }
            ',' => {
                text.push(c);
                line(text, depth);
            }
            ':' => text.push_str(": "),
            c if c.is_ascii_whitespace() => {}
            c => text.push(c),
        }
    }
    if cut.len() < json.len() {
        let _ = write!(text, "\n… ({} bytes in all)", json.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_shown_with_a_line_for_each_entry_and_its_values_as_they_were() {
        let mut text = String::new();
        indent(
            r#"{"a":1.50,"b" : [1e3,{}],"c":"x,\"{y\\","d":[ ]}"#,
            &mut text,
        );
        assert_eq!(
            text,
            "{\n  \"a\": 1.50,\n  \"b\": [\n    1e3,\n    {}\n  ],\n  \"c\": \"x,\\\"{y\\\\\",\n  \
             \"d\": []\n}"
        );
        text.clear();
        indent("plain, text: {x}", &mut text);
        assert_eq!(text, "plain, text: {x}");
    }
}
