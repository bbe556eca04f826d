//! The mail log: the list with its search, and one mail with its attempts.

use actix_web::http::header;

use super::mail_story;
use super::prelude::*;
use crate::domain::id::MailId;
use crate::domain::mail::MailState;
use crate::service::mails::{self, LEAST_SEARCHED, LIST};
use crate::store::mail_log::{self, LoggedMail, MailFilter};

const PATH: &str = "/mail";
/// Topics that the drop-down offers; of more, a text is asked for.
const MOST_TOPICS: usize = 100;

pub(crate) async fn list(visit: Visit) -> PageResult {
    let mut query = visit.query();
    // Whoever types has typed less at first: that is no fault.
    let typed = query.text("q").unwrap_or_default();
    let too_short = (1..LEAST_SEARCHED).contains(&typed.trim().chars().count());
    let mut asked = MailFilter::default();
    if !too_short && !typed.trim().is_empty() {
        match mails::search_text(&typed) {
            Ok(words) => asked.q = Some(words),
            Err(detail) => query.fault("q", detail),
        }
    }
    asked.topic = query.take("topic", mails::topic);
    asked.state = query.parsed("state");
    (asked.from, asked.to) = visit.reader.range(&mut query);
    let wanted: PageRequest<MailId> = PageRequest::of_page(&mut query, LIST);
    query.finish()?;
    asked.before = wanted.after;
    asked.limit = wanted.rows();
    let most = MOST_TOPICS as i64 + 1;
    let topics = mail_log::topics(visit.database(), visit.account, most).await?;
    let bar = bar(&visit, &typed, &asked, topics);
    let (rows, next) = if too_short {
        (Vec::new(), None)
    } else {
        mails::list(visit.cx(), &asked, wanted.limit).await?
    };
    let next = next.map(|last| bar.href_with("cursor", &cursor::encode(LIST, &last)));
    let first = asked.before.is_some().then(|| bar.href_without(""));
    let body = html! {
        (bar.show())
        section id="list" {
            (bar.chips())
            @if too_short {
                @let next = html! { "Shorter words are in too many mails to be searched." };
                (ui::empty(&format!("Search for at least {LEAST_SEARCHED} characters."), &next))
            } @else if rows.is_empty() { (nothing(&visit, &bar)) }
            @else { (table(&visit, &rows)) }
            (ui::pager(next.as_deref(), first.as_deref()))
        }
    };
    let lead = "Every mail that Herald sent, or that your application reported as sent.";
    Ok(visit.page(Nav::Mail, "Mail", lead).show(&body))
}

fn bar(visit: &Visit, typed: &str, asked: &MailFilter, topics: Vec<String>) -> FilterBar {
    let topic = asked.topic.as_deref().unwrap_or_default();
    let bar = FilterBar::new(PATH).search("q", typed, "Search", "Receiver, sender or subject");
    let bar = if topics.len() > MOST_TOPICS {
        bar.text("topic", topic, "Topic", "The whole name")
    } else {
        let known = topics.into_iter().map(|topic| (topic.clone(), topic));
        let choices: Choices = vec![(String::new(), known.collect())];
        bar.select("topic", topic, "Topic", "Any topic", choices)
    };
    let state = asked.state.map_or("", MailState::as_str);
    let states = [MailState::Queued, MailState::Sent, MailState::Failed];
    let states = states.map(|state| (state.as_str().to_owned(), shown_as(state).1.to_owned()));
    let states: Choices = vec![(String::new(), states.to_vec())];
    bar.select("state", state, "State", "Any state", states)
        .dates(&visit.reader, ("from", asked.from), ("to", asked.to))
}

const fn shown_as(state: MailState) -> (Tone, &'static str) {
    match state {
        MailState::Queued => (Tone::Wait, "Waiting"),
        MailState::Sent => (Tone::Sent, "Sent"),
        MailState::Failed => (Tone::Error, "Error"),
    }
}

/// The state of a mail.
pub(super) fn state(mail: &LoggedMail) -> Markup {
    let (tone, name) = shown_as(mail.state);
    let retrying = mail.state == MailState::Queued && mail.attempts > 0;
    ui::badge(tone, if retrying { "Retrying" } else { name })
}

fn table(visit: &Visit, rows: &[LoggedMail]) -> Markup {
    html! {
        table class="list" {
            thead { tr {
                @for name in ["Topic", "To", "Subject", "Time", "State"] { th scope="col" { (name) } }
                th scope="col" class="view" { span class="unseen" { "Open" } }
            } }
            tbody {
                @for mail in rows {
                    tr {
                        td data-label="Topic" { (mail.topic) }
                        td data-label="To" { span { (receivers(mail)) } }
                        td data-label="Subject" {
                            a class="row" href=(format!("{PATH}/{}", mail.id())) {
                                @if mail.subject.is_empty() { span class="muted" { "No subject" } }
                                @else { (mail.subject) }
                            }
                        }
                        td data-label="Time" { (visit.reader.ago(mail.created_at)) }
                        td data-label="State" { (state(mail)) }
                        td class="view" aria-hidden="true" { "View" }
                    }
                }
            }
        }
    }
}

/// The first receivers, and how many more there are.
fn receivers(mail: &LoggedMail) -> Markup {
    let more = mail.receivers.len().saturating_sub(2);
    html! {
        (mail.receivers.iter().take(2).cloned().collect::<Vec<_>>().join(", "))
        @if more > 0 { " " span class="muted" { "and " (more) " more" } }
    }
}

fn nothing(visit: &Visit, bar: &FilterBar) -> Markup {
    if bar.is_set() {
        let next = html! { a href=(PATH) { "Clear the filters" } };
        return ui::empty("No mail matches these filters.", &next);
    }
    let next = html! {
        "Send one with " code { "POST /v1/mails" } ", or let a webhook deliver to "
        code { "mailto:…" }
        @if visit.is_admin() { ": " a href="/webhooks/new" { "add a webhook" } }
        "."
    };
    ui::empty("No mail was sent yet.", &next)
}

/// One mail: its header, its attempts and its content.
pub(crate) async fn show(visit: Visit) -> PageResult {
    visit.no_query()?;
    let found = mail_log::find(visit.database(), visit.account, visit.part("id")?).await?;
    let found = found.ok_or_else(|| ProblemDetails::not_found("mail"))?;
    let title = match found.0.subject.as_str() {
        "" => "Mail without a subject",
        subject => subject,
    };
    let page = visit.page(Nav::Mail, title, "").back(PATH, "Mail");
    Ok(page.show(&mail_story::body(&visit, &found)))
}

/// What a mail's HTML may do: look as its own styles say, and nothing else. No scripts, no forms,
/// nothing from anywhere.
const HTML_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; \
    frame-ancestors 'self'; base-uri 'none'; form-action 'none'";

/// The HTML of a mail, for the frame on its page: it is a stranger's.
pub(crate) async fn html(visit: Visit) -> PageResult {
    visit.no_query()?;
    let found = mail_log::find(visit.database(), visit.account, visit.part("id")?).await?;
    let html = found.and_then(|(_, content, _)| content.html.filter(|_| !content.confidential));
    let html = html.ok_or_else(|| ProblemDetails::not_found("HTML of a mail"))?;
    let mut response = layout::with_headers(HttpResponse::Ok());
    response
        .insert_header((header::CONTENT_SECURITY_POLICY, HTML_POLICY))
        .insert_header((header::X_FRAME_OPTIONS, "SAMEORIGIN"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header(("cross-origin-resource-policy", "same-origin"));
    Ok(response.content_type("text/html; charset=utf-8").body(html))
}
