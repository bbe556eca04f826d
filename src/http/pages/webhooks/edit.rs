//! Adding and changing a webhook.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpResponse, ResponseError};
use maud::html;

use super::draft::Draft;
use super::form::Form;
use super::triggers::{self, Group};
use super::{at, path};
use crate::http::pages::frame::Nav;
use crate::http::pages::visit::{Look, Sent, Submission, Visit};
use crate::http::pages::{PageResult, layout, query};
use crate::http::problem::{Kind, Problem};
use crate::http::shared::Shared;
use crate::service::Fault;
use crate::service::input::Input;
use crate::service::making::Making;
use crate::service::subscriptions::{self, SubscriptionInput, SubscriptionPatch};
use crate::store::subscription::Subscription;

/// How often a change is tried anew that met another one.
const MOST_TRIES: usize = 3;

/// The form of a new webhook. `?trigger=` chooses an event type.
pub(in crate::http) async fn new(Look(shared, visit, request): Look) -> PageResult {
    let mut query = query(&request);
    let trigger = query.text("trigger");
    query.finish()?;
    let groups = triggers::known(&shared, visit.account).await?;
    let mut draft = match visit.typed(&shared, &request).await? {
        Some(mut typed) => Draft::read(&mut typed, &groups),
        None => Draft::blank(),
    };
    if let Some(trigger) = trigger {
        draft.set("triggers", &trigger);
    }
    Ok(Page::new(&visit, &shared, &groups, None).show(&draft, None, &[]))
}

/// Makes a webhook.
pub(in crate::http) async fn create(submission: Submission, shared: Data<Shared>) -> PageResult {
    let Submission { visit, mut form } = submission;
    let groups = triggers::known(&shared, visit.account).await?;
    let draft = Draft::read(&mut form, &groups);
    let (body, faults) = draft.body(None);
    let made = async {
        let (input, by) = (SubscriptionInput::begin(body.into())?, visit.caller.actor());
        subscriptions::create(&shared.engine, visit.account, Making::by(&by), input).await
    };
    let page = Page::new(&visit, &shared, &groups, None);
    match made.await {
        Ok((made, _secret)) => {
            Ok(layout::go_to(format!("{}?done=webhook-made", path(made.id))).finish())
        }
        Err(refusal) => Ok(page.show(&draft, Some(&refusal.into()), &faults)),
    }
}

/// The form of a webhook.
pub(in crate::http) async fn edit(Look(shared, visit, request): Look) -> PageResult {
    query(&request).finish()?;
    let webhook = subscriptions::show(&shared.engine, visit.account, at(&request)?).await?;
    let groups = triggers::known(&shared, visit.account).await?;
    let draft = match visit.typed(&shared, &request).await? {
        Some(mut typed) => Draft::read(&mut typed, &groups),
        None => Draft::of(&webhook),
    };
    let page = Page::new(&visit, &shared, &groups, Some(&webhook));
    Ok(page.show(&draft, None, &[]))
}

/// Changes a webhook: what the form changed, and nothing that somebody else changed meanwhile.
pub(in crate::http) async fn save(Sent(shared, submission, request): Sent) -> PageResult {
    let Submission { visit, mut form } = submission;
    let id = at(&request)?;
    let mut webhook = subscriptions::show(&shared.engine, visit.account, id).await?;
    let groups = triggers::known(&shared, visit.account).await?;
    let mut draft = Draft::read(&mut form, &groups);
    let mut tries = 0;
    loop {
        tries += 1;
        let met = draft.merge(&webhook);
        if !met.is_empty() {
            let problem = Problem::new(Kind::Conflict, "Somebody else changed this webhook.");
            let page = Page::new(&visit, &shared, &groups, Some(&webhook));
            return Ok(page.show(&draft, Some(&problem.with(met)), &[]));
        }
        let (body, faults) = draft.body(Some(&webhook));
        if body.is_empty() && faults.is_empty() {
            return Ok(layout::go_to(path(id)).finish());
        }
        let changed = async {
            let patch = SubscriptionPatch::begin(body.into())?;
            let (by, seen) = (visit.caller.actor(), Some(webhook.updated_at));
            subscriptions::change(&shared.engine, &webhook, &by, patch, seen).await
        };
        match changed.await.map_err(Problem::from) {
            Ok(_changed) => {
                return Ok(layout::go_to(format!("{}?done=webhook-saved", path(id))).finish());
            }
            Err(problem) if problem.kind() == Kind::Conflict && tries < MOST_TRIES => {
                webhook = subscriptions::show(&shared.engine, visit.account, id).await?;
            }
            Err(problem) => {
                let page = Page::new(&visit, &shared, &groups, Some(&webhook));
                return Ok(page.show(&draft, Some(&problem), &faults));
            }
        }
    }
}

/// The form with what surrounds it.
struct Page<'a> {
    visit: &'a Visit,
    shared: &'a Shared,
    groups: &'a [Group],
    /// None: a new webhook.
    before: Option<&'a Subscription>,
}

impl<'a> Page<'a> {
    const fn new(
        visit: &'a Visit,
        shared: &'a Shared,
        groups: &'a [Group],
        before: Option<&'a Subscription>,
    ) -> Self {
        Self {
            visit,
            shared,
            groups,
            before,
        }
    }

    /// The page; with a problem, what is wrong stands beside the fields. `known` is what the form
    /// can tell better than the problem.
    fn show(&self, draft: &Draft, problem: Option<&Problem>, known: &[Fault]) -> HttpResponse {
        let told = problem.map(Problem::faults).unwrap_or_default();
        let better = |fault: &&Fault| {
            !known
                .iter()
                .any(|it| fault.pointer.starts_with(&it.pointer))
        };
        let faults: Vec<Fault> = told.iter().filter(better).chain(known).cloned().collect();
        let action = self
            .before
            .map_or_else(|| "/webhooks".to_owned(), |it| path(it.id));
        let plugins = self.shared.engine.plugins().list(Some(self.visit.account));
        let form = Form {
            draft,
            faults: &faults,
            groups: self.groups,
            plugins: &plugins,
            cancel: action.clone(),
            action: match self.before {
                Some(_) => format!("{action}/edit"),
                None => "/webhooks/new".to_owned(),
            },
            button: if self.before.is_some() {
                "Save"
            } else {
                "Add webhook"
            },
        };
        let body = html! {
            @if let Some(problem) = problem {
                p class="notice is-error" role="alert" {
                    @match (problem.kind(), faults.len()) {
                        (Kind::Invalid, 1) => { "Nothing was saved: one value needs a change. It is marked below." }
                        (Kind::Invalid, count) => { "Nothing was saved: " (count) " values need a change. They are marked below." }
                        _ => { "Nothing was saved. " (problem) }
                    }
                }
            }
            (form.show(self.visit))
        };
        let (title, back) = match self.before {
            Some(before) => (format!("Edit “{}”", before.title), before.title.as_str()),
            None => ("Add a webhook".to_owned(), "Webhooks"),
        };
        let status = problem.map_or(StatusCode::OK, ResponseError::status_code);
        let page = self
            .visit
            .page(Nav::Webhooks, &title, "")
            .back(action, back);
        page.status(status).show(&body)
    }
}
