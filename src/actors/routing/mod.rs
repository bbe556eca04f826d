//! The routing table: which subscriptions want which events, and what is known of event types.
//! An immutable snapshot that everybody shares; a change makes a new one.

pub(crate) mod own_schema;

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::{Mutex, watch};

use self::own_schema::OwnSchema;
use crate::catalogue::{self, Load, Validator};
use crate::domain::destination::MailTarget;
use crate::domain::event_type::Validation;
use crate::domain::hops::HopId;
use crate::domain::id::{AccountId, SubscriptionId};
use crate::domain::retry::RetrySchedule;
use crate::domain::seal::OpenError;
use crate::domain::secret::Secret;
use crate::domain::subscription::SubscriptionState;
use crate::domain::target_url::{Echoes, TargetUrl};
use crate::domain::trigger::Trigger;
use crate::store::clock::uptime;
use crate::store::routing::{RoutedSubscription, RoutedType, RoutingChanges, changes_since};
use crate::store::{Database, StoreError, hop};
use crate::transport::Endpoint;

/// A subscription as it is delivered to.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) id: SubscriptionId,
    pub(crate) account: AccountId,
    /// The id of this database.
    pub(crate) hop: HopId,
    /// Paused also where nothing may be sent: see `locked`.
    pub(crate) state: SubscriptionState,
    /// Why nothing may be sent: its secrets, its headers or its URL do not open. Its deliveries are
    /// held.
    pub(crate) locked: Option<OpenError>,
    pub(crate) title: String,
    /// For scripts, which see no path of it.
    pub(crate) url: TargetUrl,
    /// What of the URL is hidden where the target repeats it.
    pub(crate) echoes: Echoes,
    /// The bare name of its script.
    pub(crate) plugin: Option<String>,
    triggers: Vec<Trigger>,
    /// Where to; or the reason why what is stored cannot be sent to.
    pub(crate) endpoint: Result<Endpoint, String>,
    /// Whom to write to, if it delivers by mail.
    pub(crate) mail: Option<Result<MailTarget, String>>,
    /// Each with its end.
    pub(crate) secrets: Vec<(Secret, Option<DateTime<Utc>>)>,
    pub(crate) max_in_flight: usize,
    pub(crate) timeout: Duration,
    pub(crate) schedule: RetrySchedule,
}

impl Route {
    fn of(row: RoutedSubscription, hop: &HopId) -> Self {
        let headers = row.headers.as_object().cloned().unwrap_or_default();
        let headers = headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
        let schedule = row
            .retry_schedule
            .iter()
            .filter_map(|seconds| u32::try_from(*seconds).ok())
            .collect();
        Self {
            id: row.id,
            account: row.account,
            hop: hop.clone(),
            state: match (row.locked, row.state) {
                (Some(_), SubscriptionState::Enabled) => SubscriptionState::Paused,
                (_, state) => state,
            },
            locked: row.locked,
            triggers: row
                .triggers
                .iter()
                .filter_map(|text| Trigger::parse(text).ok())
                .collect(),
            endpoint: Endpoint::new(row.url.whole(), headers, hop),
            mail: row
                .url
                .is_mail()
                .then(|| MailTarget::parse(row.url.whole()).map_err(|error| error.to_string())),
            echoes: Echoes::of(row.url.whole()),
            title: row.title,
            url: row.url,
            plugin: row.plugin,
            secrets: row.secrets,
            max_in_flight: usize::try_from(row.max_in_flight).unwrap_or(1).max(1),
            timeout: Duration::from_secs(u64::try_from(row.timeout_seconds).unwrap_or(15)),
            schedule: RetrySchedule::new(schedule).unwrap_or_default(),
        }
    }

    /// How long a claim holds: until an attempt must have ended and been recorded.
    pub(crate) fn claim_hold(&self) -> Duration {
        self.timeout + Duration::from_secs(5)
    }

    fn wants(&self, event_type: &str) -> bool {
        self.state != SubscriptionState::Disabled
            && self
                .triggers
                .iter()
                .any(|trigger| trigger.matches(event_type))
    }
}

/// What is known of an event type.
#[derive(Debug)]
pub struct TypeEntry {
    /// Its name.
    pub name: Arc<str>,
    /// What happens to events that do not fit its schema.
    pub validation: Validation,
    /// Its schema, if it has one.
    pub(crate) schema: Option<Schema>,
}

/// Where a type's schema is from.
#[derive(Debug)]
pub(crate) enum Schema {
    /// It comes with Herald.
    Builtin(Arc<Validator>),
    /// It is an account's: foreign, and compiled and applied on threads of its own.
    Own(OwnSchema),
}

/// Steps that a check may take on the thread that asks.
const QUICK_STEPS: u64 = 2_000_000;

impl TypeEntry {
    /// Whether events of this type are held to a schema.
    #[must_use]
    pub fn is_checked(&self) -> bool {
        self.schema.is_some() && self.validation != Validation::Off
    }

    /// What checks such a body at once: the schema is not foreign, and it takes a moment.
    #[must_use]
    pub fn quick(&self, load: &Load) -> Option<&Validator> {
        match &self.schema {
            Some(Schema::Builtin(validator)) if validator.steps(load) <= QUICK_STEPS => {
                Some(validator)
            }
            _ => None,
        }
    }
}

/// The targets of an event type, as they are fixed at an event's commit.
#[derive(Debug)]
pub(crate) struct Matched {
    /// Their ids as a PostgreSQL array literal.
    pub(crate) literal: String,
    /// Subscriptions that are delivered to from memory.
    pub(crate) from_memory: Vec<SubscriptionId>,
    /// Subscriptions that hold deliveries: rows are written with the event.
    pub(crate) held: Vec<SubscriptionId>,
}

impl Matched {
    /// How many subscriptions matched.
    pub(crate) const fn len(&self) -> usize {
        self.from_memory.len() + self.held.len()
    }
}

/// One snapshot of all subscriptions and event types.
#[derive(Debug, Default)]
pub struct RoutingTable {
    pub(crate) version: i64,
    hop: HopId,
    routes: HashMap<SubscriptionId, Arc<Route>>,
    by_account: HashMap<AccountId, Vec<Arc<Route>>>,
    /// Own types, and built-in ones with a changed validation.
    types: HashMap<AccountId, HashMap<Arc<str>, Arc<TypeEntry>>>,
}

static BUILTIN: LazyLock<HashMap<&'static str, Arc<TypeEntry>>> = LazyLock::new(|| {
    catalogue::builtin()
        .iter()
        .map(|known| {
            let entry = TypeEntry {
                name: known.name.as_str().into(),
                validation: known.validation.unwrap_or_default(),
                schema: catalogue::builtin_validator(&known.name).map(Schema::Builtin),
            };
            (known.name.as_str(), Arc::new(entry))
        })
        .collect()
});

impl RoutingTable {
    /// The version of subscriptions and event types that this is.
    #[must_use]
    pub const fn version(&self) -> i64 {
        self.version
    }

    /// The id of this database in hops.
    #[must_use]
    pub const fn hop(&self) -> &HopId {
        &self.hop
    }

    /// Finds an event type by its name, which is case-sensitive.
    #[must_use]
    pub fn find(&self, account: AccountId, name: &str) -> Option<&Arc<TypeEntry>> {
        self.types
            .get(&account)
            .and_then(|own| own.get(name))
            .or_else(|| BUILTIN.get(name))
    }

    /// The names of all event types that an account may publish.
    pub fn names(&self, account: AccountId) -> impl Iterator<Item = &str> {
        let own = self
            .types
            .get(&account)
            .into_iter()
            .flat_map(HashMap::keys)
            .map(AsRef::as_ref);
        own.chain(BUILTIN.keys().copied())
    }

    pub(crate) fn route(&self, id: SubscriptionId) -> Option<&Arc<Route>> {
        self.routes.get(&id)
    }

    pub(crate) fn routes(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.routes.values()
    }

    /// Which subscriptions match an event type now.
    pub(crate) fn matched(&self, account: AccountId, event_type: &str) -> Matched {
        let mut matched = Matched {
            literal: String::from("{"),
            from_memory: Vec::new(),
            held: Vec::new(),
        };
        for route in self.by_account.get(&account).into_iter().flatten() {
            if route.wants(event_type) {
                let comma = if matched.len() == 0 { "" } else { "," };
                let _ = write!(matched.literal, "{comma}{}", route.id.uuid());
                // Mail has no way through memory: what makes a delivery a mail is its row.
                if route.state == SubscriptionState::Enabled && route.mail.is_none() {
                    matched.from_memory.push(route.id);
                } else {
                    matched.held.push(route.id);
                }
            }
        }
        matched.literal.push('}');
        matched
    }

    fn with(&self, changes: RoutingChanges, hop: &HopId) -> Self {
        let mut routes = self.routes.clone();
        let mut types = self.types.clone();
        for row in changes.subscriptions {
            if row.deleted {
                routes.remove(&row.id);
            } else {
                routes.insert(row.id, Arc::new(Route::of(row, hop)));
            }
        }
        for row in changes.types {
            apply_type(types.entry(row.account).or_default(), row);
        }
        let mut by_account: HashMap<AccountId, Vec<Arc<Route>>> = HashMap::new();
        for route in routes.values() {
            by_account
                .entry(route.account)
                .or_default()
                .push(Arc::clone(route));
        }
        for routes in by_account.values_mut() {
            routes.sort_by_key(|route| route.id);
        }
        Self {
            version: changes.version,
            hop: hop.clone(),
            routes,
            by_account,
            types,
        }
    }
}

fn apply_type(own: &mut HashMap<Arc<str>, Arc<TypeEntry>>, row: RoutedType) {
    let name: Arc<str> = row.name.into();
    if row.deleted {
        own.remove(&name);
        return;
    }
    let schema = if row.builtin {
        catalogue::builtin_validator(&name).map(Schema::Builtin)
    } else {
        row.schema.map(|text| Schema::Own(OwnSchema::new(text)))
    };
    let validation = row.validation.unwrap_or_default();
    own.insert(
        Arc::clone(&name),
        Arc::new(TypeEntry {
            name,
            validation,
            schema,
        }),
    );
}

/// How often refusals make Herald look for a newer table, at most.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The current table, and the way to a newer one.
pub(crate) struct Routing {
    database: Database,
    hop: HopId,
    current: watch::Sender<Arc<RoutingTable>>,
    /// One refresh at a time: each builds on the one before. When the last one began.
    refreshing: Mutex<Duration>,
}

impl Routing {
    /// Reads everything.
    pub(crate) async fn load(database: Database) -> Result<Self, StoreError> {
        let routing = Self {
            hop: hop::id(&database).await?,
            database,
            current: watch::Sender::new(Arc::new(RoutingTable::default())),
            refreshing: Mutex::new(Duration::ZERO),
        };
        routing.refresh().await?;
        Ok(routing)
    }

    pub(crate) fn current(&self) -> Arc<RoutingTable> {
        Arc::clone(&self.current.borrow())
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Arc<RoutingTable>> {
        self.current.subscribe()
    }

    /// Reads everything again: what did not open may open with other keys.
    pub(crate) async fn reread(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.refreshing.lock().await;
        let changes = changes_since(&self.database, 0).await?;
        let table = Arc::new(RoutingTable::default().with(changes, &self.hop));
        self.current.send_replace(table);
        Ok(())
    }

    /// Reads what changed. All watchers are notified if anything did.
    pub(crate) async fn refresh(&self) -> Result<Arc<RoutingTable>, StoreError> {
        let mut began = self.refreshing.lock().await;
        *began = uptime();
        let mut known = self.current();
        let mut changes = changes_since(&self.database, known.version).await?;
        if changes.version == known.version {
            return Ok(known);
        }
        if changes.version < known.version {
            // The database was put back to an older state: nothing known holds.
            known = Arc::default();
            changes = changes_since(&self.database, 0).await?;
        }
        let table = Arc::new(known.with(changes, &self.hop));
        self.current.send_replace(Arc::clone(&table));
        Ok(table)
    }

    /// A table of another version than `known`, if there is one. The database is asked only if
    /// it was not within [`LOOK_EVERY`], whoever asks how often.
    pub(crate) async fn newer(&self, known: i64) -> Option<Arc<RoutingTable>> {
        let began = *self.refreshing.lock().await;
        if uptime().saturating_sub(began) >= LOOK_EVERY {
            self.refresh().await.ok()?;
        }
        let table = self.current();
        (table.version != known).then_some(table)
    }
}
