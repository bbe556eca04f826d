//! Event types: the catalogue's as an account has them, and the account's own.

mod views;

use serde_json::{Value, json};

pub use self::views::{EventTypeEntry, EventTypeView, FieldView};
use super::input::{
    Faults, Given, InputField, OrNull, ReadInput, Text, checked, lists, made_and_changed,
};
use super::making::{Kind, Making, once};
use super::{Context, Fault, Refusal, Result};
use crate::catalogue;
use crate::domain::event_type::{EventType, Validation, check_name};
use crate::store::event_type::{self, TypeChange, TypeFilter, TypeSummary};

/// Upper bound of a description, in characters.
const MAX_DESCRIPTION: usize = 4_000;
/// Upper bound of a group's or a title's length, in characters.
const MAX_TITLE: usize = 200;

type Title = Text<0, MAX_TITLE>;
type Description = Text<0, MAX_DESCRIPTION>;

checked! {
    /// The name of an event type.
    TypeName by |name: &str| check_name(name).map(|()| name.to_owned()),
        json!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$" });
}

/// A JSON Schema, as a value that PostgreSQL can hold.
#[derive(Debug, Clone)]
pub struct Storable(Value);

impl InputField for Storable {
    fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
        fn holds_zero(value: &Value) -> bool {
            match value {
                Value::String(text) => text.contains('\0'),
                Value::Array(items) => items.iter().any(holds_zero),
                Value::Object(map) => map.iter().any(|(k, v)| k.contains('\0') || holds_zero(v)),
                _ => false,
            }
        }
        let value = match given {
            Given::Json(value) => value,
            Given::Raw(text) => text.into(),
            Given::Typed(text) => text.into_owned().into(),
        };
        if holds_zero(&value) {
            return faults.refuse("must not hold the character 0");
        }
        Some(Self(value))
    }

    fn schema() -> Value {
        json!({ "type": ["object", "boolean"] })
    }
}

/// An event as it would be published.
#[derive(Debug, Clone)]
pub struct Example(Value);

impl InputField for Example {
    fn read(given: Given<'_>, faults: &mut Faults) -> Option<Self> {
        let Storable(value) = Storable::read(given, faults)?;
        if value.is_object() {
            return Some(Self(value));
        }
        faults.refuse("must be an object, as every event is")
    }

    fn schema() -> Value {
        json!({ "type": "object" })
    }
}

made_and_changed! {
    /// An event type of the account's own.
    EventTypeInput
    /// Changes of an event type; what is left out stays. Of a built-in one, `validation` alone.
    EventTypePatch
    {
        once {
            /// 1 to 128 of `A-Z a-z 0-9 _ . -`, the first one a letter or a digit.
            name: TypeName = "INVOICE_PAID",
        }
        needed {}
        /// The heading under which people find it.
        group: Title = "Invoices",
        /// A few words.
        title: Title = "An invoice was paid",
        /// When it is published.
        description: Description = "After the payment was booked.",
        /// A JSON Schema of the whole event; null: none.
        schema: OrNull<Storable> = {"type": "object", "required": ["data"]},
        /// An event as it would be published; null: none.
        example: OrNull<Example> = {"event_type": "INVOICE_PAID", "data": {"id": 1}},
        /// What happens to an event that does not fit the schema; null: the default, which is
        /// `warn` for types of one's own.
        validation: OrNull<Validation> = "reject",
    }
}

lists! {
    /// Which event types.
    EventTypeQuery {
        /// Under this heading.
        group: Option<Text<1, 200>>,
    }
}

/// At most `limit` event types of an account by name, behind `after`; of one group, if it is given.
///
/// # Errors
/// When the database is away.
pub async fn list(
    cx: Context<'_>,
    group: Option<&str>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<EventTypeEntry>> {
    let fits = |known: &&EventType| group.is_none_or(|group| group == known.group);
    let known: Vec<_> = catalogue::builtin().iter().filter(fits).collect();
    let builtin: Vec<&str> = known.iter().map(|known| known.name.as_str()).collect();
    let filter = TypeFilter {
        group,
        builtin: &builtin,
        after,
        limit: Some(limit),
    };
    let own = event_type::list(cx.database(), cx.account, &filter).await?;
    let behind = known.into_iter();
    let behind = behind.filter(|known| after.is_none_or(|after| known.name.as_str() > after));
    let mut types = entries(behind, own);
    types.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(types)
}

/// The built-in types as an account has them, then its own.
fn entries<'a>(
    builtin: impl Iterator<Item = &'a EventType>,
    own: Vec<TypeSummary>,
) -> Vec<EventTypeEntry> {
    let of = |known: &EventType| own.iter().find(|own| own.name == known.name)?.validation;
    let known = builtin.map(|known| EventTypeEntry::builtin(known, of(known)));
    let mut types: Vec<EventTypeEntry> = known.collect();
    let added = own.into_iter().filter(|own| !own.builtin);
    types.extend(added.map(EventTypeEntry::from));
    types
}

/// Every event type of an account: the built-in ones in the catalogue's order, then its own by
/// name.
///
/// # Errors
/// When the database is away.
pub async fn all(cx: Context<'_>) -> Result<Vec<EventTypeEntry>> {
    let own = event_type::list(cx.database(), cx.account, &TypeFilter::default()).await?;
    Ok(entries(catalogue::builtin().iter(), own))
}

/// One event type of an account.
///
/// # Errors
/// There is none of that name, or the database is away.
pub async fn show(cx: Context<'_>, name: &str) -> Result<EventTypeView> {
    let own = event_type::find(cx.database(), cx.account, name).await?;
    match catalogue::find(name) {
        Some(known) => Ok(EventTypeView::builtin(known, own)),
        None => own.map(EventTypeView::from).ok_or_else(missing),
    }
}

/// Adds an own event type.
///
/// # Errors
/// Every fault of the input at once, a schema that may not be applied and an example that does not
/// fit it among them; the name is taken, the account has as many as it may, or the database is
/// away.
pub async fn create(
    cx: Context<'_>,
    making: Making<'_>,
    read: ReadInput<EventTypeInput>,
) -> Result<EventTypeView> {
    let make = create_now(cx, making, read);
    let show = async |name: String| show(cx, &name).await;
    let kind = (Kind::EventType, making);
    once(cx.database(), Some(cx.account), kind, make, show).await
}

async fn create_now(
    cx: Context<'_>,
    making: Making<'_>,
    mut read: ReadInput<EventTypeInput>,
) -> Result<EventTypeView> {
    let schema = wanted(read.fields.schema.as_ref(), |it| &it.0, || None);
    let example = wanted(read.fields.example.as_ref(), |it| &it.0, || None);
    let pattern_bytes = judge(cx, schema, example, &mut read.faults).await?;
    let input = read.finish()?;
    let (name, patch) = (input.name.clone().into_inner(), input.into());
    if catalogue::find(&name).is_some() {
        let detail = format!("{name} is a built-in event type.");
        return Err(Refusal::conflict(detail));
    }
    let values = change_of(patch, pattern_bytes);
    let made = event_type::create(cx.database(), cx.account, &name, values, making).await?;
    cx.engine.routing_changed().await;
    Ok(EventTypeView::from(made))
}

/// Changes an event type.
///
/// # Errors
/// As of [`create`]; of a built-in one more than its validation would change; or there is none of
/// that name.
pub async fn change(
    cx: Context<'_>,
    name: &str,
    mut read: ReadInput<EventTypePatch>,
) -> Result<EventTypeView> {
    let (database, account, by) = (cx.database(), cx.account, cx.by());
    if let Some(known) = catalogue::find(name) {
        let own = match only_validation(read.finish()?)? {
            Some(OrNull(mode)) => {
                let own = event_type::set_builtin_validation(database, account, name, mode, &by);
                let own = own.await?;
                cx.engine.routing_changed().await;
                Some(own)
            }
            None => event_type::find(database, account, name).await?,
        };
        return Ok(EventTypeView::builtin(known, own));
    }
    let before = event_type::find(database, account, name).await?;
    let before = before.ok_or_else(missing)?;
    let mut pattern_bytes = 0;
    let (schema, example) = (read.fields.schema.as_ref(), read.fields.example.as_ref());
    if schema.is_some_and(Option::is_some) || example.is_some_and(Option::is_some) {
        let schema = wanted(schema, |it| &it.0, || before.schema);
        let example = wanted(example, |it| &it.0, || before.example);
        pattern_bytes = judge(cx, schema, example, &mut read.faults).await?;
    }
    let values = change_of(read.finish()?, pattern_bytes);
    let changed = event_type::change(database, account, name, values, &by).await?;
    let changed = changed.ok_or_else(missing)?;
    cx.engine.routing_changed().await;
    Ok(EventTypeView::from(changed))
}

fn change_of(patch: EventTypePatch, pattern_bytes: i32) -> TypeChange {
    TypeChange {
        group: patch.group.map(Text::into_inner),
        title: patch.title.map(Text::into_inner),
        description: patch.description.map(Text::into_inner),
        schema: patch.schema.map(|schema| schema.0.map(|it| it.0)),
        example: patch.example.map(|example| example.0.map(|it| it.0)),
        validation: patch.validation.map(|mode| mode.0),
        pattern_bytes,
    }
}

/// What changes of a built-in type.
fn only_validation(patch: EventTypePatch) -> Result<Option<OrNull<Validation>>> {
    let fixed = [
        ("/group", patch.group.is_some()),
        ("/title", patch.title.is_some()),
        ("/description", patch.description.is_some()),
        ("/schema", patch.schema.is_some()),
        ("/example", patch.example.is_some()),
    ];
    let detail = "is built in: only `validation` can be changed";
    let given = fixed.into_iter().filter(|(_, given)| *given);
    let faults: Vec<Fault> = given.map(|(field, _)| Fault::new(field, detail)).collect();
    if !faults.is_empty() {
        return Err(Refusal::invalid(faults));
    }
    Ok(patch.validation)
}

/// Removes an own event type: it cannot be published any more.
///
/// # Errors
/// It is built in, there is none of that name, or the database is away.
pub async fn remove(cx: Context<'_>, name: &str) -> Result<()> {
    if catalogue::find(name).is_some() {
        let detail = format!("{name} is built in: it cannot be removed.");
        return Err(Refusal::conflict(detail));
    }
    if !event_type::remove(cx.database(), cx.account, name, &cx.by()).await? {
        return Err(missing());
    }
    cx.engine.routing_changed().await;
    Ok(())
}

fn missing() -> Refusal {
    Refusal::not_found("event type")
}

/// The value that a field will have; `before` is what it is if the field is left out.
fn wanted<T>(
    field: Option<&Option<OrNull<T>>>,
    inner: impl Fn(&T) -> &Value,
    before: impl FnOnce() -> Option<Value>,
) -> Option<Value> {
    match field {
        Some(Some(OrNull(value))) => value.as_ref().map(|it| inner(it).clone()),
        Some(None) => before(),
        // It could not be read.
        None => None,
    }
}

/// Judges a schema: it must be one that may be applied, and the example must fit it. Returns the
/// bytes that its patterns take, compiled.
///
/// # Errors
/// Too much of the account waits to be judged already.
async fn judge(
    cx: Context<'_>,
    schema: Option<Value>,
    example: Option<Value>,
    faults: &mut Faults,
) -> Result<i32> {
    let Some(schema) = schema else {
        return Ok(0);
    };
    match cx.engine.judge_schema(cx.account, schema, example).await {
        Some(Ok(bytes)) => Ok(i32::try_from(bytes).unwrap_or(i32::MAX)),
        Some(Err(found)) => {
            for (pointer, detail) in found {
                faults.add_at(pointer, detail);
            }
            Ok(0)
        }
        None => Err(Refusal::unavailable(
            "Too many schemas and events of this account wait to be checked. Try again shortly.",
        )),
    }
}
