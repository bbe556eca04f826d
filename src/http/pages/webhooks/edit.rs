//! Adding and changing a webhook.

use actix_web::ResponseError;
use actix_web::http::StatusCode;

use super::draft::WebhookDraft;
use super::form::WebhookForm;
use super::triggers::{self, TypeGroup};
use super::{go_to, path};
use crate::http::pages::prelude::*;
use crate::http::pages::wording;
use crate::service::Fault;
use crate::service::subscriptions::{self, SubscriptionInput, SubscriptionPatch};
use crate::store::subscription::Subscription;

/// How often a change that met another one is tried again.
const MOST_TRIES: usize = 3;

/// The form of a new webhook. `?trigger=` chooses an event type.
pub(crate) async fn new(visit: Visit) -> PageResult {
    let mut query = visit.query();
    let trigger = query.text("trigger");
    query.finish()?;
    let groups = triggers::known(&visit).await?;
    let typed = visit.typed().await?;
    let mut draft = typed.map_or_else(WebhookDraft::blank, |typed| {
        WebhookDraft::read(typed, &groups)
    });
    if let Some(trigger) = trigger {
        draft.set("triggers", &trigger);
    }
    Ok(page(&visit, None, &groups, &draft, None))
}

/// Makes a webhook.
pub(crate) async fn create(Submission(visit, form): Submission) -> PageResult {
    let groups = triggers::known(&visit).await?;
    let draft = WebhookDraft::read(form, &groups);
    let (body, known) = draft.body(None);
    let by = visit.cx().by();
    let made = async {
        let input = SubscriptionInput::begin(body.into())?;
        subscriptions::create(visit.cx(), Making::by(&by), input).await
    };
    match made.await.map_err(wording::problem) {
        Ok((made, _secret)) => Ok(go_to(made.id, "?done=webhook-made")),
        Err(problem) => {
            let wrong = Some((&problem, known.as_slice()));
            Ok(page(&visit, None, &groups, &draft, wrong))
        }
    }
}

/// The form of a webhook.
pub(crate) async fn edit(visit: Visit) -> PageResult {
    visit.no_query()?;
    let webhook = subscriptions::show(visit.cx(), visit.part("id")?).await?;
    let groups = triggers::known(&visit).await?;
    let draft = match visit.typed().await? {
        Some(typed) => WebhookDraft::read(typed, &groups),
        None => WebhookDraft::of(&webhook),
    };
    Ok(page(&visit, Some(&webhook), &groups, &draft, None))
}

/// Changes a webhook: what the form changed, and nothing that somebody else changed meanwhile.
pub(crate) async fn save(Submission(visit, form): Submission) -> PageResult {
    let id = visit.part("id")?;
    let mut webhook = subscriptions::show(visit.cx(), id).await?;
    let groups = triggers::known(&visit).await?;
    let mut draft = WebhookDraft::read(form, &groups);
    let mut tries = 0;
    let (problem, known) = loop {
        tries += 1;
        let met = draft.merge(&webhook);
        if !met.is_empty() {
            let problem =
                ProblemDetails::new(ProblemKind::Conflict, "Somebody else changed this webhook.");
            break (problem.with(met), Vec::new());
        }
        let (body, known) = draft.body(Some(&webhook));
        if body.is_empty() && known.is_empty() {
            return Ok(go_to(id, ""));
        }
        let changed = async {
            let patch = SubscriptionPatch::begin(body.into())?;
            let seen = Some(webhook.updated_at);
            subscriptions::change(visit.cx(), &webhook, patch, seen).await
        };
        match changed.await.map_err(wording::problem) {
            Ok(_changed) => return Ok(go_to(id, "?done=webhook-saved")),
            Err(problem) if problem.kind() == ProblemKind::Conflict && tries < MOST_TRIES => {
                webhook = subscriptions::show(visit.cx(), id).await?;
            }
            Err(problem) => break (problem, known),
        }
    };
    let wrong = Some((&problem, known.as_slice()));
    Ok(page(&visit, Some(&webhook), &groups, &draft, wrong))
}

/// The page, of a new webhook or of `before`. With a problem, what is wrong is beside the fields;
/// the faults with it are those that the form describes better than the problem.
fn page(
    visit: &Visit,
    before: Option<&Subscription>,
    groups: &[TypeGroup],
    draft: &WebhookDraft,
    wrong: Option<(&ProblemDetails, &[Fault])>,
) -> HttpResponse {
    let (problem, known) = wrong.unzip();
    let known = known.unwrap_or_default();
    let is_known = |it: &Fault| known.iter().any(|one| it.pointer.starts_with(&one.pointer));
    let mut faults = problem.map_or_else(Vec::new, |it| it.faults().to_vec());
    faults.retain(|fault| !is_known(fault));
    faults.extend_from_slice(known);
    let (title, back) = match before {
        Some(before) => (format!("Edit “{}”", before.title), before.title.as_str()),
        None => ("Add a webhook".to_owned(), "Webhooks"),
    };
    let here = before.map_or_else(|| "/webhooks".to_owned(), |it| path(it.id));
    let form = WebhookForm {
        draft,
        faults: &faults,
        groups,
        here: &here,
        new: before.is_none(),
    };
    let body = html! {
        @if let Some(problem) = problem {
            p class="notice is-error" role="alert" {
                @match (problem.kind(), faults.len()) {
                    (ProblemKind::Invalid, 1) => { "Nothing was saved: one value needs a change. It is marked below." }
                    (ProblemKind::Invalid, count) => { "Nothing was saved: " (count) " values need a change. They are marked below." }
                    _ => { "Nothing was saved. " (problem) }
                }
            }
        }
        (form.show(visit))
    };
    let status = problem.map_or(StatusCode::OK, ResponseError::status_code);
    let page = visit.page(Nav::Webhooks, &title, "").back(here, back);
    page.status(status).show(&body)
}
