//! The activity log: appended to within other transactions, never changed, found again by
//! whatever filter, removed by whole months.

use chrono::{DateTime, Datelike, Duration, Months, NaiveDate, Utc};
use diesel_async::{AsyncConnection, SimpleAsyncConnection};
use herald::domain::activity::{Actor, ActorKind, NewActivity, OwnActivity};
use herald::domain::id::{AccountId, ActivityId, MAIN_ACCOUNT, TokenId};
use herald::store::activity::{self, Activity, ActivityFilter};
use herald::store::{Connection, Database, StoreError, partition, retention};
use serde_json::json;
use uuid::Uuid;

use crate::support::cluster::Cluster;
use crate::support::psql;

struct Log {
    url: String,
    database: Database,
    connection: Connection,
}

impl Log {
    async fn new() -> Self {
        let url = Cluster::shared().database();
        let database = Database::new(&url, 4).unwrap();
        partition::ensure(&database).await.unwrap();
        Self {
            connection: database.dedicated().await.unwrap(),
            url,
            database,
        }
    }

    fn sql(&self, statement: &str) -> String {
        psql(&self.url, statement).trim().to_owned()
    }

    async fn list(&self, filter: ActivityFilter) -> Vec<Activity> {
        let limit = if filter.limit == 0 { 100 } else { filter.limit };
        let filter = ActivityFilter { limit, ..filter };
        activity::list(&self.database, MAIN_ACCOUNT, &filter)
            .await
            .unwrap()
    }
}

fn done(user: &str, group: &str, name: &str, ago: Duration) -> NewActivity {
    NewActivity {
        user: Some(user.to_owned()),
        actor: ActorKind::Application,
        actor_id: None,
        group: group.to_owned(),
        activity: name.to_owned(),
        subject: None,
        payload: Some(r#"{"b": 1.50, "a": 1e3}"#.to_owned()),
        at: Some(Utc::now() - ago),
    }
}

#[actix_rt::test]
async fn an_activity_is_there_with_its_payload_as_given_and_an_id_of_the_database_s_clock() {
    let mut log = Log::new().await;
    let token = Uuid::now_v7();
    log.sql(&format!(
        "insert into token (id, role, title, hash) \
         values ('{token}', 'admin', 'The pipeline', sha256('x'))"
    ));
    let own = NewActivity::own(
        OwnActivity::PluginLoaded,
        &Actor::Herald,
        "named/x.rhai".to_owned(),
        Some(&json!({ "hash": "ab" })),
    );
    let by_token = Actor::Token(TokenId::from_uuid(token));
    let entries = [
        done("ann@example.com", "Order", "Submit", Duration::zero()),
        own,
        NewActivity::own(OwnActivity::TestSent, &by_token, None, None),
    ];
    let batch: Vec<(AccountId, &NewActivity)> =
        entries.iter().map(|one| (MAIN_ACCOUNT, one)).collect();
    let ids = activity::append_batch(&mut log.connection, &batch)
        .await
        .unwrap();
    assert_eq!(ids.len(), 3);
    let found = log.list(ActivityFilter::default()).await;
    let find = |id: ActivityId| found.iter().find(|it| it.id() == id).unwrap();
    let (given, own, token_s) = (find(ids[0]), find(ids[1]), find(ids[2]));
    assert_eq!(given.payload().as_deref(), Some(r#"{"b": 1.50, "a": 1e3}"#));
    assert_eq!(own.subject.as_deref(), Some("named/x.rhai"));
    assert_eq!(
        (own.user.as_deref(), own.actor, own.group.as_str()),
        (None, ActorKind::Herald, "Herald")
    );
    assert_eq!(token_s.user.as_deref(), Some("The pipeline"));
    assert_eq!(
        token_s.actor_id,
        Some(TokenId::from_uuid(token).to_string())
    );
    for id in ids {
        assert_eq!(id.uuid().get_version_num(), 7);
        let recorded = find(id).recorded_at();
        assert!((Utc::now() - recorded).abs() < Duration::seconds(30));
    }
}

#[actix_rt::test]
async fn nobody_changes_deletes_or_empties_the_log_the_owner_included() {
    let mut log = Log::new().await;
    let entry = done("ann", "Order", "Submit", Duration::zero());
    let id = activity::append(&mut log.connection, MAIN_ACCOUNT, &entry).await;
    id.unwrap();
    let part = log.sql("select tableoid::regclass from activity");
    assert!(part.starts_with("activity_20"), "{part}");
    for table in ["activity", part.as_str()] {
        for statement in [
            format!("update {table} set activity = 'Review'"),
            format!("delete from {table}"),
            format!("truncate {table}"),
        ] {
            let refused = log.connection.batch_execute(&statement).await.unwrap_err();
            let said = refused.to_string();
            assert!(said.contains("append-only"), "{statement}: {said}");
        }
    }
    assert_eq!(log.sql("select count(*) from activity"), "1");
}

#[actix_rt::test]
async fn what_is_recorded_and_its_record_are_committed_together_or_not_at_all() {
    let mut log = Log::new().await;
    let entry = done("ann", "Order", "Submit", Duration::zero());
    let failed = log
        .connection
        .transaction(async |connection: &mut Connection| {
            activity::append(connection, MAIN_ACCOUNT, &entry).await?;
            Err::<(), StoreError>(StoreError::Taken("It"))
        })
        .await;
    failed.unwrap_err();
    assert_eq!(log.sql("select count(*) from activity"), "0");
    assert_eq!(log.sql("select count(*) from activity_user"), "0");
}

#[actix_rt::test]
async fn every_filter_finds_what_fits_newest_first_and_page_by_page() {
    let mut log = Log::new().await;
    let other = AccountId::from_uuid(Uuid::now_v7());
    let hour = Duration::hours(1);
    let entries = [
        done("Ann@Example.com", "Order", "Submit", hour),
        done("ann@example.com", "Order", "Review", hour * 2),
        done("bob_1@example.com", "Order", "Submit", hour * 3),
        done("bobx1@example.com", "Product", "Edit", hour * 30),
        done("bob%@example.com", "Product", "Delete", hour * 40),
        done("bob\\@example.com", "Profile", "Update Info", hour * 50),
    ];
    for entry in &entries {
        for account in [MAIN_ACCOUNT, other] {
            activity::append(&mut log.connection, account, entry)
                .await
                .unwrap();
        }
    }
    let filter = |user: &str, group: &str, name: &str| ActivityFilter {
        user: (!user.is_empty()).then(|| user.to_owned()),
        group: (!group.is_empty()).then(|| group.to_owned()),
        activity: (!name.is_empty()).then(|| name.to_owned()),
        ..ActivityFilter::default()
    };
    let places = |found: &[Activity]| -> Vec<usize> {
        let place = |it: &Activity| {
            let same = |one: &NewActivity| {
                (one.user.as_ref(), &one.activity) == (it.user.as_ref(), &it.activity)
            };
            entries.iter().position(same).unwrap()
        };
        found.iter().map(place).collect()
    };
    for (user, group, name, wanted) in [
        ("", "", "", &[0_usize, 1, 2, 3, 4, 5][..]),
        ("ANN@", "", "", &[0, 1]),
        ("example.com", "", "", &[0, 1, 2, 3, 4, 5]),
        ("_", "", "", &[2]),
        ("%", "", "", &[4]),
        ("\\", "", "", &[5]),
        ("nobody", "", "", &[]),
        ("", "Order", "", &[0, 1, 2]),
        ("", "Order", "Submit", &[0, 2]),
        ("", "", "Submit", &[0, 2]),
        ("bob", "Order", "", &[2]),
        ("bob", "Order", "Submit", &[2]),
        ("bob", "", "Delete", &[4]),
        ("bob", "Order", "Delete", &[]),
        ("", "order", "", &[]),
    ] {
        let found = log.list(filter(user, group, name)).await;
        assert_eq!(places(&found), wanted, "{user} {group} {name}");
    }
    let since = |from: Duration, to: Duration| ActivityFilter {
        from: Some(Utc::now() - from),
        to: Some(Utc::now() - to),
        ..filter("bob", "", "")
    };
    assert_eq!(places(&log.list(since(hour * 45, hour * 20)).await), [3, 4]);
    let mut before = None;
    for place in 0..entries.len() {
        let page = ActivityFilter {
            before,
            limit: 1,
            ..ActivityFilter::default()
        };
        let found = log.list(page).await;
        assert_eq!(places(&found), [place]);
        before = Some((found[0].at, found[0].id()));
    }
}

#[actix_rt::test]
async fn a_text_that_fits_more_users_than_can_be_asked_one_by_one_finds_the_newest_of_all() {
    let mut log = Log::new().await;
    let entries: Vec<NewActivity> = (0..2_500)
        .map(|n| {
            let name = ["Submit", "Review"][n % 2];
            let ago = Duration::seconds(i64::try_from(n).unwrap());
            done(&format!("user{n}@example.com"), "Order", name, ago)
        })
        .collect();
    let batch: Vec<(AccountId, &NewActivity)> =
        entries.iter().map(|one| (MAIN_ACCOUNT, one)).collect();
    activity::append_batch(&mut log.connection, &batch)
        .await
        .unwrap();
    for (part, group, wanted) in [
        ("@EXAMPLE", None, "user0@example.com,user1@example.com"),
        (
            "@EXAMPLE",
            Some("Order"),
            "user0@example.com,user1@example.com",
        ),
        // Some hundreds: 1, 10 to 19, 100 to 199, 1000 to 1999.
        ("USER1", None, "user1@example.com,user10@example.com"),
        (
            "USER1",
            Some("Order"),
            "user1@example.com,user10@example.com",
        ),
    ] {
        let filter = ActivityFilter {
            user: Some(part.to_owned()),
            group: group.map(str::to_owned),
            limit: 2,
            ..ActivityFilter::default()
        };
        let found = log.list(filter).await;
        let users: Vec<&str> = found.iter().filter_map(|it| it.user.as_deref()).collect();
        assert_eq!(users.join(","), wanted);
    }
    // Where the newest months do not hold enough, all are searched.
    let filter = ActivityFilter {
        user: Some("USER1".to_owned()),
        limit: 5_000,
        ..ActivityFilter::default()
    };
    assert_eq!(log.list(filter).await.len(), 1_111);
}

#[actix_rt::test]
async fn old_months_go_as_a_whole_with_their_users_and_the_rest_stays() {
    let mut log = Log::new().await;
    let entry = done("ann", "Order", "Submit", Duration::zero());
    let kept = activity::append(&mut log.connection, MAIN_ACCOUNT, &entry).await;
    let this = Utc::now().date_naive().with_day(1).unwrap();
    let month = |ago: u32| this.checked_sub_months(Months::new(ago)).unwrap();
    // Fourteen months ago ended over 365 days ago; twelve months ago did not.
    for (ago, user) in [(14, "carl"), (12, "dora")] {
        let first: NaiveDate = month(ago);
        let (from, to) = (
            partition::lowest_id(first),
            partition::lowest_id(month(ago - 1)),
        );
        log.sql(&format!(
            "create table activity_{} partition of activity for values from ('{from}') to ('{to}'); \
             insert into activity (account_id, id, at, \"user\", actor, \"group\", activity) \
                 values ('{}', '{from}', '{first}', '{user}', 'application', 'Order', 'Submit'); \
             insert into activity_user values ('{}', '{user}', '{first}')",
            first.format("%Y%m"),
            MAIN_ACCOUNT.uuid(),
            MAIN_ACCOUNT.uuid(),
        ));
    }
    // A user who came back is noted again, once.
    let entry = done("dora", "Order", "Submit", Duration::zero());
    for _ in 0..2 {
        activity::append(&mut log.connection, MAIN_ACCOUNT, &entry)
            .await
            .unwrap();
    }
    let retired = retention::retire_activities(&log.database, 365).await;
    assert_eq!(retired.unwrap(), [month(14)]);
    let again = retention::retire_activities(&log.database, 365).await;
    assert_eq!(again.unwrap(), []);
    let found = log.list(ActivityFilter::default()).await;
    assert!(
        found
            .iter()
            .any(|it| it.id() == kept.as_ref().copied().unwrap())
    );
    let users: Vec<&str> = found.iter().filter_map(|it| it.user.as_deref()).collect();
    assert_eq!(users, ["dora", "dora", "ann", "dora"]);
    assert_eq!(
        log.sql("select \"user\", last_month from activity_user order by 1"),
        format!("ann|{this}\ncarl|{}\ndora|{this}", month(14))
    );
    // What is old is found where a date asks for it.
    let old: DateTime<Utc> = month(12).and_time(chrono::NaiveTime::MIN).and_utc();
    let filter = ActivityFilter {
        from: Some(old),
        to: Some(old + Duration::days(1)),
        ..ActivityFilter::default()
    };
    assert_eq!(log.list(filter).await.len(), 1);
}

#[actix_rt::test]
async fn months_are_made_ahead_and_none_is_a_default() {
    let log = Log::new().await;
    let names = log.sql(
        "select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid \
         where i.inhparent = 'activity'::regclass order by 1",
    );
    let now = Utc::now().date_naive();
    let next = now.checked_add_months(Months::new(1)).unwrap();
    for day in [now - Duration::days(1), now, next.with_day(1).unwrap()] {
        let name = format!("activity_{}", day.format("%Y%m"));
        assert!(names.lines().any(|it| it == name), "{name} in {names}");
    }
    let defaults = "select count(*) from pg_partitioned_table where partdefid <> 0";
    assert_eq!(log.sql(defaults), "0");
}

#[test]
fn a_part_of_a_user_s_name_is_looked_up_in_an_index() {
    let url = Cluster::shared().database();
    let index = "select count(*) from pg_indexes where indexname = 'activity_user_folded'";
    assert_eq!(psql(&url, index).trim(), "1");
}
