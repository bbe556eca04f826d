//! How the domain's enums map to PostgreSQL's enum types.

use diesel::backend::Backend;
use diesel::deserialize::{FromSql, Queryable};
use diesel::expression::AsExpression;
use diesel::internal::derives::as_expression::Bound;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{IsNull, Output, ToSql};
use diesel::sql_types::Nullable;

use super::schema::sql_types;
use crate::domain::activity::ActorKind;
use crate::domain::delivery::{Origin, Outcome};
use crate::domain::event_type::Validation;
use crate::domain::mail::{MailState, TryOutcome};
use crate::domain::role::{Role, UserRole};
use crate::domain::subscription::SubscriptionState;
use crate::domain::user_link::LinkPurpose;

macro_rules! sql_enum {
    ($rust:ty, $sql:ty) => {
        impl FromSql<$sql, Pg> for $rust {
            fn from_sql(value: PgValue<'_>) -> diesel::deserialize::Result<Self> {
                Ok(std::str::from_utf8(value.as_bytes())?.parse()?)
            }
        }

        impl ToSql<$sql, Pg> for $rust {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> diesel::serialize::Result {
                use std::io::Write;
                out.write_all(self.as_str().as_bytes())?;
                Ok(IsNull::No)
            }
        }

        impl ToSql<Nullable<$sql>, Pg> for $rust {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> diesel::serialize::Result {
                ToSql::<$sql, Pg>::to_sql(self, out)
            }
        }

        impl<DB> Queryable<$sql, DB> for $rust
        where
            DB: Backend,
            Self: FromSql<$sql, DB>,
        {
            type Row = Self;

            fn build(row: Self) -> diesel::deserialize::Result<Self> {
                Ok(row)
            }
        }

        impl AsExpression<$sql> for $rust {
            type Expression = Bound<$sql, Self>;

            fn as_expression(self) -> Self::Expression {
                Bound::new(self)
            }
        }

        impl AsExpression<Nullable<$sql>> for $rust {
            type Expression = Bound<Nullable<$sql>, Self>;

            fn as_expression(self) -> Self::Expression {
                Bound::new(self)
            }
        }
    };
}

sql_enum!(Role, sql_types::TokenRole);
sql_enum!(SubscriptionState, sql_types::SubscriptionState);
sql_enum!(Validation, sql_types::ValidationMode);
sql_enum!(Origin, sql_types::DeliveryOrigin);
sql_enum!(Outcome, sql_types::AttemptOutcome);
sql_enum!(ActorKind, sql_types::ActivityActor);
sql_enum!(UserRole, sql_types::UserRole);
sql_enum!(LinkPurpose, sql_types::LinkPurpose);
sql_enum!(MailState, sql_types::MailState);
sql_enum!(TryOutcome, sql_types::MailTryOutcome);
