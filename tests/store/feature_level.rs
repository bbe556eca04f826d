//! What the database needs of its daemons, and what is refused while an older one is at work.

use diesel_async::{AsyncConnection, SimpleAsyncConnection};
use herald::store::feature_level::{FeatureLevel, raise, require};
use herald::store::{Connection, StoreError};

use crate::store::bench::Bench;
use crate::support::OLDER_LANE;

const NEEDED: &str = "select needed from feature_level";

#[actix_rt::test]
async fn what_an_older_daemon_would_misread_is_refused_until_it_has_ended() {
    let mut bench = Bench::new().await;
    bench.sql(OLDER_LANE);
    let own = FeatureLevel::OWN;
    let refused = require(&mut bench.connection, own).await;
    assert!(
        matches!(refused, Err(StoreError::OlderDaemon)),
        "{refused:?}"
    );
    assert_eq!(bench.sql(NEEDED), "0");

    bench.sql("update lane set closed_at = now() where feature_level = 0");
    // In a transaction of the caller's that ends in vain, nothing is needed yet.
    let undone = bench
        .connection
        .transaction(async |connection: &mut Connection| {
            require(connection, own).await.unwrap();
            Err::<(), _>(diesel::result::Error::RollbackTransaction)
        })
        .await;
    assert!(undone.is_err());
    assert_eq!(bench.sql(NEEDED), "0");
    require(&mut bench.connection, own).await.unwrap();
    assert_eq!(bench.sql(NEEDED), own.number().to_string());
}

#[actix_rt::test]
async fn a_lane_that_is_being_opened_is_waited_for() {
    let mut bench = Bench::new().await;
    let mut older = bench.database.dedicated().await.unwrap();
    older.batch_execute("begin").await.unwrap();
    older.batch_execute(OLDER_LANE).await.unwrap();
    let raised = async { raise(&mut bench.connection).await.unwrap() };
    let mut watch = bench.database.dedicated().await.unwrap();
    let commit = async {
        let waited_for = "do $$ begin while not exists (select from pg_locks \
             where not granted and relation = 'lane'::regclass) loop perform pg_sleep(0.005); \
             end loop; end $$";
        watch.batch_execute(waited_for).await.unwrap();
        older.batch_execute("commit").await.unwrap();
    };
    let (level, ()) = tokio::join!(raised, commit);
    assert_eq!(level.number(), 0);
    assert_eq!(bench.sql(NEEDED), "0");
}
