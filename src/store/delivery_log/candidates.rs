//! Where a list of deliveries finds its rows: the index that is nearest to the filter, read from
//! a place on, and the part of the log that one statement may look at.

use diesel::sql_types::{Array, BigInt, Bool, Nullable, SmallInt, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::DeliveryFilter;
use crate::domain::delivery::DeliveryState;
use crate::domain::id::{AccountId, SubscriptionId};
use crate::store::partition::lowest_id_at;
use crate::store::statement::One;
use crate::store::{Connection, StoreError};

/// Attempts, or rows, that one statement passes over while it looks for few among many.
const WINDOW: i64 = 4_000;
/// The same where the index itself says which of them fit.
const WINDOW_OF_SENT: i64 = 30_000;
/// The first of these windows, in which most lists find enough.
const FIRST_OF_SENT: i64 = 1_000;
/// Events of a type that one statement passes over.
const WINDOW_OF_TYPE: i64 = 1_000;
/// Open rows after which it shows whether the wanted type is rare among them.
const SAMPLE: usize = 250;
/// Rows from the event log after which the others' side is tried.
const NEAR: usize = 500;

/// A delivery that may belong to the list.
#[derive(Debug, Clone, Copy, diesel::QueryableByName)]
pub(super) struct Candidate {
    /// Of which event.
    #[diesel(sql_type = SqlUuid)]
    pub(super) event_id: Uuid,
    /// For which subscription; nil: the event has none left.
    #[diesel(sql_type = SqlUuid)]
    pub(super) subscription_id: Uuid,
    /// False: it only says how far the look went.
    #[diesel(sql_type = Bool)]
    pub(super) fits: bool,
}

#[derive(diesel::QueryableByName)]
struct Edge {
    #[diesel(sql_type = Nullable<SqlUuid>)]
    event_id: Option<Uuid>,
}

/// Where a statement reads, and how far.
#[derive(Debug, Clone, Copy)]
struct Window {
    side: Side,
    /// The event at which it ends; none: it reaches to the end of what is wanted.
    edge: Option<Uuid>,
}

/// By which part of the filter the rows are found; the others are looked up for each.
#[derive(Debug, Clone, Copy)]
enum Side {
    /// By state, by subscription, or by nothing.
    Own,
    /// By event type.
    Type,
}

/// A look through the log, newest event first.
pub(super) struct Look<'a> {
    account: AccountId,
    filter: &'a DeliveryFilter,
    /// Everything before this pair is left to see.
    pub(super) place: (Uuid, Uuid),
    /// Nothing below it is wanted.
    lowest: Uuid,
    window: Option<Window>,
    /// A window was used up.
    moved: bool,
    seen: usize,
    /// Of these, those that fit.
    fitting: usize,
}

impl<'a> Look<'a> {
    /// From where the filter begins.
    pub(super) fn new(account: AccountId, filter: &'a DeliveryFilter) -> Self {
        let cursor = filter
            .after
            .map(|(event, subscription)| (event.uuid(), subscription.uuid()));
        let end = filter.to.map(|to| (lowest_id_at(to), Uuid::nil()));
        Self {
            account,
            filter,
            place: cursor
                .into_iter()
                .chain(end)
                .min()
                .unwrap_or((Uuid::max(), Uuid::max())),
            lowest: filter.from.map_or(Uuid::nil(), lowest_id_at),
            window: None,
            moved: false,
            seen: 0,
            fitting: 0,
        }
    }

    /// The next candidates, at most `limit`, which is at least 2, and whether there may be more
    /// behind them. The look goes on behind them.
    pub(super) async fn next(
        &mut self,
        connection: &mut Connection,
        limit: usize,
    ) -> Result<(Vec<Candidate>, bool), StoreError> {
        let window = match self.window {
            Some(window) => window,
            None => self.open_window(connection).await?,
        };
        self.window = Some(window);
        let found = self.read(connection, window, limit).await?;
        self.seen += found.len();
        self.fitting += found.iter().filter(|candidate| candidate.fits).count();
        if let Some(last) = found.last().filter(|_| found.len() == limit) {
            self.place = (last.event_id, last.subscription_id);
            if self.is_open_of_a_type() {
                // Which side is better is judged again.
                self.window = None;
            }
            return Ok((found, true));
        }
        // The window is used up; behind it lie the events below its edge.
        self.window = None;
        self.moved = true;
        if let Some(edge) = window.edge {
            self.place = (edge, Uuid::nil());
        }
        Ok((found, window.edge.is_some()))
    }

    fn is_open_of_a_type(&self) -> bool {
        use DeliveryState::{Held, Queued, Retrying};
        matches!(self.filter.state, Some(Queued | Retrying | Held))
            && self.filter.event_type.is_some()
    }

    /// What is wanted may be rare where it is looked for: then a statement gets a window, so that
    /// it ends in time. Of two sides the one whose window reaches further is the rarer one.
    async fn open_window(&self, connection: &mut Connection) -> Result<Window, StoreError> {
        use DeliveryState::{Held, Queued, Retrying, Sent};
        let whole = |side| Window { side, edge: None };
        let DeliveryFilter {
            state,
            subscription,
            event_type,
            ..
        } = self.filter;
        let Some(event_type) = event_type else {
            let edge = match (state, subscription) {
                (Some(Sent), Some(_)) => self.own_edge(connection).await?,
                _ => None,
            };
            let side = Side::Own;
            return Ok(Window { side, edge });
        };
        if state.is_none() && subscription.is_none() {
            return Ok(whole(Side::Type));
        }
        let Some(of_type) = self.type_edge(connection, event_type).await? else {
            return Ok(whole(Side::Type));
        };
        Ok(match (state, subscription) {
            // Open rows are in no order of their own, so that the end of their window is not known.
            (Some(Queued | Retrying | Held), _)
                if self.seen < SAMPLE || self.fitting * 50 >= self.seen =>
            {
                whole(Side::Own)
            }
            (Some(Queued | Retrying | Held), _) | (Some(Sent), None) => Window {
                side: Side::Type,
                edge: Some(of_type),
            },
            _ => match self.own_edge(connection).await? {
                Some(own) if of_type <= own => Window {
                    side: Side::Type,
                    edge: Some(of_type),
                },
                edge => Window {
                    side: Side::Own,
                    edge,
                },
            },
        })
    }

    /// The event at which a window on attempts and rows ends; none: fewer are left.
    async fn own_edge(&self, connection: &mut Connection) -> Result<Option<Uuid>, StoreError> {
        let state = self.filter.state;
        let ended = state.filter(|state| *state != DeliveryState::Sent);
        let window = match (state, &self.filter.event_type) {
            (Some(DeliveryState::Sent), None) => {
                if self.moved {
                    WINDOW_OF_SENT
                } else {
                    FIRST_OF_SENT
                }
            }
            _ => WINDOW,
        };
        let edge: Edge = diesel::sql_query(include_str!("../deliveries_edge.sql"))
            .bind::<SqlUuid, _>(self.account.uuid())
            .bind::<SqlUuid, _>(self.lowest)
            .bind::<SqlUuid, _>(self.place.0)
            .bind::<SqlUuid, _>(self.place.1)
            .bind::<BigInt, _>(window)
            .bind::<Nullable<SqlUuid>, _>(self.filter.subscription.map(SubscriptionId::uuid))
            .bind::<Nullable<Text>, _>(ended.map(DeliveryState::as_str))
            .bind::<Bool, _>(state.is_none())
            .one(connection)
            .await?;
        Ok(edge.event_id)
    }

    /// The event at which a window on the events of a type ends; none: fewer are left.
    async fn type_edge(
        &self,
        connection: &mut Connection,
        event_type: &str,
    ) -> Result<Option<Uuid>, StoreError> {
        let edge: Edge = diesel::sql_query(
            "select (select id from event \
                 where account_id = $1 and type = $4 and targets <> '{}' and id >= $2 and id < $3 \
                 order by id desc offset $5 limit 1) as event_id",
        )
        .bind::<SqlUuid, _>(self.account.uuid())
        .bind::<SqlUuid, _>(self.lowest)
        .bind::<SqlUuid, _>(self.place.0)
        .bind::<Text, _>(event_type)
        .bind::<BigInt, _>(WINDOW_OF_TYPE)
        .one(connection)
        .await?;
        Ok(edge.event_id)
    }

    async fn read(
        &self,
        connection: &mut Connection,
        window: Window,
        limit: usize,
    ) -> Result<Vec<Candidate>, StoreError> {
        use DeliveryState::{Cancelled, Failed, Filtered, Held, Queued, Retrying, Sent};
        let only = self.filter.subscription.map(SubscriptionId::uuid);
        let event_type = self.filter.event_type.as_deref();
        let (event, subscription) = self.place;
        macro_rules! run {
            ($file:literal $(, $kind:ty = $value:expr)*) => {
                diesel::sql_query(include_str!(concat!("../", $file)))
                    .bind::<SqlUuid, _>(self.account.uuid())
                    .bind::<SqlUuid, _>(window.edge.unwrap_or(self.lowest))
                    .bind::<SqlUuid, _>(event)
                    .bind::<SqlUuid, _>(subscription)
                    .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
                    $(.bind::<$kind, _>($value))*
                    .load(connection)
                    .await?
            };
        }
        if let (Side::Type, Some(event_type)) = (window.side, event_type) {
            let stages = |enabled| {
                let state = self.filter.state?;
                matches!(state, Queued | Retrying | Held).then(|| stages(state, enabled))
            };
            let ended = (self.filter.state)
                .filter(|state| matches!(state, Sent | Failed | Filtered | Cancelled));
            return Ok(run!(
                "deliveries_by_type.sql",
                Text = event_type,
                Nullable<SqlUuid> = only,
                Nullable<Text> = ended.map(DeliveryState::as_str),
                Nullable<Array<SmallInt>> = stages(true),
                Nullable<Array<SmallInt>> = stages(false),
                Bool = self.filter.state == Some(Queued)
            ));
        }
        Ok(match (self.filter.state, only) {
            (Some(state @ (Failed | Filtered | Cancelled)), _) => run!(
                "deliveries_by_outcome.sql",
                Text = state.as_str(),
                Nullable<SqlUuid> = only,
                Nullable<Text> = event_type
            ),
            (Some(state @ (Queued | Retrying | Held)), _) => run!(
                "deliveries_open.sql",
                Array<SmallInt> = stages(state, true),
                Array<SmallInt> = stages(state, false),
                Nullable<SqlUuid> = only,
                Bool = state == Queued,
                Nullable<Text> = event_type
            ),
            (Some(Sent), Some(id)) => {
                run!("deliveries_sent.sql", SqlUuid = id, Nullable<Text> = event_type)
            }
            (None, Some(id)) => run!(
                "deliveries_by_subscription.sql",
                SqlUuid = id,
                Nullable<Text> = event_type
            ),
            // Most lists end with the events that are near; else what lies between is for
            // nobody, or held, and a look from the other side passes over it.
            (Some(Sent) | None, None) if self.seen < NEAR => run!("deliveries_by_event.sql"),
            (state @ (Some(Sent) | None), None) => {
                run!("deliveries_of_all.sql", Bool = state.is_none())
            }
        })
    }
}

/// The values of `delivery.stage` that mean a state, for an enabled subscription or another one.
fn stages(state: DeliveryState, enabled: bool) -> Vec<i16> {
    match (state, enabled) {
        (DeliveryState::Queued, true) => vec![0, 2],
        (DeliveryState::Queued, false) => vec![2],
        (DeliveryState::Retrying, true) => vec![1, 3],
        (DeliveryState::Retrying, false) => vec![3],
        (DeliveryState::Held, true) => vec![4, 5],
        (DeliveryState::Held, false) => vec![0, 1, 4, 5],
        _ => Vec::new(),
    }
}
