//! The scripts: the list with the state of each, and one script with what is wrong with it.

use std::collections::BTreeMap;

use super::dry_run::{self, Wish};
use super::prelude::*;
use crate::service::plugins::{self, PluginView, ScriptFault};
use crate::store::{account, webhook_names};

const PATH: &str = "/plugins";
/// The name of the list in its cursors.
const LIST: &str = "plugins";
/// Webhooks that a script's page names.
const MOST_WEBHOOKS: usize = 50;
/// Accounts that a script's page names.
const MOST_ACCOUNTS: usize = 50;

pub(crate) async fn list(visit: Visit) -> PageResult {
    let mut query = visit.query();
    let q = query.text("q").unwrap_or_default();
    let state = query.text("state").unwrap_or_default();
    let wanted: PageRequest<String> = PageRequest::of_page(&mut query, LIST);
    query.finish()?;
    let names = [
        ("ok", "OK"),
        ("broken", "Broken"),
        ("suspended", "Suspended"),
        ("apart", "Isolated"),
    ];
    let names = names.map(|(state, name)| (state.to_owned(), name.to_owned()));
    let states: Choices = vec![(String::new(), names.to_vec())];
    let bar = FilterBar::new(PATH)
        .search("q", &q, "Search", "Name")
        .select("state", &state, "State", "Any state", states);
    let mut rows = plugins::all(visit.engine(), &visit.caller);
    let any = !rows.is_empty();
    let sought = q.trim().to_lowercase();
    rows.retain(|row| {
        let fits = match state.as_str() {
            "" => true,
            "apart" => row.apart_since.is_some(),
            state => row.state == state,
        };
        fits && row.name.to_lowercase().contains(&sought)
            && wanted.after.as_ref().is_none_or(|after| row.name > *after)
    });
    let next = cut(&mut rows, wanted.limit, |row| row.name.clone());
    let next = next.map(|last| bar.href_with("cursor", &cursor::encode(LIST, &last)));
    let first = wanted.after.is_some().then(|| bar.href_without(""));
    let named = webhook_names::named(visit.database(), visit.account).await?;
    let body = html! {
        (bar.show())
        section id="list" {
            (bar.chips())
            @if rows.is_empty() { (nothing(any)) }
            @else { (table(&visit, &rows, &named)) }
            (ui::pager(next.as_deref(), first.as_deref()))
        }
    };
    let lead =
        "Scripts that filter and reshape what is delivered. Counts are since the start of Herald.";
    Ok(visit.page(Nav::Plugins, "Plugins", lead).show(&body))
}

fn nothing(any: bool) -> Markup {
    if any {
        let next = html! { a href=(PATH) { "Clear the filters" } };
        return ui::empty("No plugin matches these filters.", &next);
    }
    let next = html! {
        "The operator puts scripts into the plugins folder: " code { "named/only-paid.rhai" }
        " for the webhooks that name it, " code { "triggers/STORE_ORDER_PAID.rhai" }
        " for every delivery of that type. " code { "herald plugin check" } " checks them first."
    };
    ui::empty("There are no plugins.", &next)
}

fn table(visit: &Visit, rows: &[PluginView], named: &BTreeMap<String, i64>) -> Markup {
    html! {
        table class="list" {
            thead { tr {
                @for name in ["Plugin", "State", "Used by"] { th scope="col" { (name) } }
                @for name in ["Calls", "Failures", "p99", "Time"] {
                    th scope="col" class="number" { (name) }
                }
                th scope="col" { "Loaded" }
            } }
            tbody {
                @for row in rows {
                    tr {
                        td data-label="Plugin" {
                            div {
                                a class="row mono" href=(href(&row.name)) { (row.name) }
                                @if let Some(error) = &row.error {
                                    br; span class="text-error" { (in_short(error)) }
                                }
                            }
                        }
                        td data-label="State" { span { (state(row)) } }
                        td data-label="Used by" { span { (used_by(row, named)) } }
                        td data-label="Calls" class="number" { (row.calls) }
                        td data-label="Failures" class="number" { (row.failures) }
                        td data-label="p99" class="number" { (row.p99_ms.map_or_else(|| "–".to_owned(), time)) }
                        td data-label="Time" class="number" { (time(row.total_ms)) }
                        td data-label="Loaded" { (visit.reader.ago(row.loaded_at)) }
                    }
                }
            }
        }
    }
}

/// The address of a script.
fn href(name: &str) -> String {
    let part = |text: &str| -> String {
        let bytes = url::form_urlencoded::byte_serialize(text.as_bytes());
        bytes.collect::<String>().replace('+', "%20")
    };
    let (kind, file) = name.split_once('/').unwrap_or_default();
    format!("{PATH}/{}/{}", part(kind), part(file))
}

/// What is wrong in one line, with its place.
fn in_short(error: &ScriptFault) -> String {
    let line = error.line.map(|line| format!("Line {line}: "));
    let message: String = error.message.chars().take(120).collect();
    line.unwrap_or_default() + message.as_str()
}

/// The state of a script.
fn state(row: &PluginView) -> Markup {
    html! {
        @match row.state {
            "ok" => { (ui::badge(Tone::Sent, "OK")) }
            "broken" => { (ui::badge(Tone::Error, "Broken")) }
            _ => { (ui::badge(Tone::Error, "Suspended")) }
        }
        @if row.apart_since.is_some() { " " (ui::badge(Tone::Wait, "Isolated")) }
    }
}

fn used_by(row: &PluginView, named: &BTreeMap<String, i64>) -> Markup {
    let name = short_name(&row.name);
    if row.kind == "trigger" {
        return html! { "every delivery of " code { (name) } };
    }
    html! {
        @match named.get(name).copied().unwrap_or(0) {
            0 => { span class="muted" { "no webhook" } }
            1 => { "1 webhook" }
            several => { (several) " webhooks" }
        }
    }
}

/// The name without folder and ending.
fn short_name(name: &str) -> &str {
    let file = name.split_once('/').map_or(name, |(_, file)| file);
    file.strip_suffix(".rhai").unwrap_or(file)
}

/// Milliseconds as people read them.
fn time(milliseconds: f64) -> String {
    match milliseconds {
        ms if ms <= 0.0 => "0 ms".to_owned(),
        ms if ms < 0.1 => format!("{:.0} µs", ms * 1e3),
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 10_000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.0} s", ms / 1e3),
    }
}

/// One script, and for admins what it makes of an event.
pub(crate) async fn show(visit: Visit) -> PageResult {
    let mut query = visit.query();
    let wish = Wish::take(&mut query);
    query.finish()?;
    let part = |name| visit.request.match_info().get(name).unwrap_or_default();
    let name = format!("{}/{}", part("kind"), part("file"));
    let mut all = plugins::all(visit.engine(), &visit.caller).into_iter();
    let missing = || ProblemDetails::new(ProblemKind::NotFound, "There is no such plugin.");
    let view = all.find(|view| view.name == name).ok_or_else(missing)?;
    let tried = if visit.is_admin() {
        dry_run::section(&visit, &view, &wish).await?
    } else {
        html! {}
    };
    let used = users(&visit, &view).await?;
    let accounts = accounts(&visit, &view).await?;
    let body = html! {
        (troubles(&visit, &view))
        (accounts)
        div class="columns" {
            section class="panel" { h2 { "Status" } (facts(&visit, &view)) }
            section class="panel" { h2 { "Used by" } (used) }
        }
        (tried)
    };
    let lead = match view.kind {
        "trigger" => "Runs for every delivery of the event type that it is named after.",
        _ => "Runs for the webhooks that name it.",
    };
    let page = visit.page(Nav::Plugins, &view.name, lead);
    Ok(page.back(PATH, "Plugins").show(&body))
}

fn facts(visit: &Visit, view: &PluginView) -> Markup {
    html! {
        dl class="facts" {
            dt { "State" } dd { (state(view)) }
            dt { "Calls" } dd { (view.calls) ", " (view.failures) " failed" }
            dt { "Time" } dd {
                (time(view.total_ms)) " in all"
                @if let Some(p99) = view.p99_ms { "; p99 " (time(p99)) }
            }
            dt { "Loaded" } dd { (visit.reader.at(view.loaded_at)) " (" (visit.reader.ago(view.loaded_at)) ")" }
            dt { "Version" } dd {
                @match &view.hash {
                    Some(hash) => { code id="plugin-hash" { (hash) } " " (ui::copy("plugin-hash")) }
                    None => { "none is active: its deliveries are held" }
                }
            }
        }
    }
}

/// What is wrong, and what fixes it.
fn troubles(visit: &Visit, view: &PluginView) -> Markup {
    html! {
        @if let Some(since) = view.suspended_at {
            section class="notice is-error" {
                h2 { "Suspended " (visit.reader.ago(since)) }
                p { (view.suspended_reason.as_deref().unwrap_or("It failed too often.")) }
                p { "This account's deliveries that need it are held. They continue when the file is saved with the fault fixed." }
            }
        }
        @if let Some(error) = &view.error {
            section class="notice is-error" {
                h2 { "The file is broken" }
                (fault(error))
                p {
                    @if view.hash.is_some() { "The previous version is active until the file is fixed." }
                    @else { "No version of it works, so its deliveries are held until the file is fixed." }
                }
            }
        }
        @if let Some(since) = view.apart_since {
            section class="notice is-wait" {
                h2 { "Isolated since " (visit.reader.ago(since)) }
                p { "It took too long for this account, so it runs isolated from the other deliveries. It comes back after 100 quick runs." }
            }
        }
        @if let Some(failure) = &view.last_failure {
            section class="notice" {
                h2 { "The last run that failed" }
                (fault(failure))
            }
        }
    }
}

/// The accounts for which it is suspended or runs isolated, for operators.
async fn accounts(visit: &Visit, view: &PluginView) -> Result<Markup, StoreError> {
    let all = view.accounts.as_deref().unwrap_or_default();
    let shown = all.get(..MOST_ACCOUNTS).unwrap_or(all);
    if shown.is_empty() {
        return Ok(html! {});
    }
    let ids: Vec<_> = shown.iter().map(|it| it.account_id).collect();
    let names = account::names(visit.database(), &ids).await?;
    Ok(html! {
        section class="panel" id="accounts" {
            h2 { "Affected accounts" }
            ul class="plain" {
                @for it in shown {
                    li {
                        @let name = names.get(&it.account_id);
                        a href=(format!("/settings/accounts/{}", it.account_id)) {
                            (name.map_or_else(|| it.account_id.to_string(), Clone::clone))
                        } " "
                        @if let Some(since) = it.suspended_at {
                            (ui::badge(Tone::Error, "Suspended")) " " (visit.reader.ago(since)) ": "
                            (it.suspended_reason.as_deref().unwrap_or_default())
                        } @else if let Some(since) = it.apart_since {
                            (ui::badge(Tone::Wait, "Isolated")) " since " (visit.reader.ago(since))
                        }
                    }
                }
            }
            @if all.len() > shown.len() { p class="muted" { "And " (all.len() - shown.len()) " more." } }
        }
    })
}

/// What is wrong, where, with the lines of the script that its reader may see.
pub(super) fn fault(fault: &ScriptFault) -> Markup {
    html! {
        p {
            @match (fault.line, fault.column) {
                (Some(line), Some(column)) => { strong { "Line " (line) ", column " (column) ": " } }
                (Some(line), None) => { strong { "Line " (line) ": " } }
                _ => {}
            }
            (fault.message)
        }
        @if let Some(excerpt) = &fault.excerpt {
            (source(excerpt.lines.iter().map(|(number, text)| (*number, text.as_str())), fault))
        } @else if let (Some(line), Some(text)) = (fault.line, &fault.source_line) {
            (source(std::iter::once((line, text.as_str())), fault))
        }
    }
}

fn source<'a>(lines: impl Iterator<Item = (usize, &'a str)>, fault: &ScriptFault) -> Markup {
    html! {
        pre class="code source" tabindex="0" {
            @for (number, text) in lines {
                @let here = fault.line == Some(number);
                @let (before, after) = split(text, fault.column.filter(|_| here));
                span class={ "line" @if here { " here" } } {
                    span class="no" { (number) } (before) @if let Some(after) = after { mark { (after) } }
                }
                "\n"
            }
        }
    }
}

/// A line up to a column, and from it on.
fn split(text: &str, column: Option<usize>) -> (&str, Option<&str>) {
    let place = column.and_then(|column| text.char_indices().nth(column.checked_sub(1)?));
    match place.map(|(place, _)| text.split_at(place)) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

/// What uses it.
async fn users(visit: &Visit, view: &PluginView) -> Result<Markup, StoreError> {
    let name = short_name(&view.name);
    if view.kind == "trigger" {
        let href = format!("/events/types/{name}");
        return Ok(html! {
            p { "Every delivery of " a href=(href) { (name) } ", for every webhook." }
        });
    }
    let most = MOST_WEBHOOKS as i64 + 1;
    let naming = webhook_names::naming(visit.database(), visit.account, name, most).await?;
    Ok(html! {
        @if naming.is_empty() {
            p class="muted" { "No webhook names it. Choose it in a webhook's form." }
        } @else {
            ul class="plain" {
                @for one in naming.iter().take(MOST_WEBHOOKS) {
                    li {
                        a href=(format!("/webhooks/{}", one.id)) { (one.title) } " "
                        (ui::subscription_state(one.state))
                    }
                }
            }
            @if naming.len() > MOST_WEBHOOKS { p class="muted" { "And others." } }
        }
    })
}
