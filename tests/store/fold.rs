//! Searches for a part of a text, upper and lower case alike, by their indexes.

use herald::store::{Database, partition};

use crate::support::cluster::Cluster;
use crate::support::psql;

#[actix_rt::test]
async fn parts_of_names_and_words_are_found_by_their_indexes_whatever_the_locale() {
    let url = Cluster::shared().database();
    partition::ensure(&Database::new(&url, 1).unwrap())
        .await
        .unwrap();
    assert_eq!(psql(&url, "show lc_ctype").trim(), "C");
    assert_eq!(
        psql(&url, "select herald_fold('GRÜSSE ΟΔΟΣ Ж ABC')").trim(),
        "grüsse οδοσ ж abc"
    );
    let account = "'00000000-0000-0000-0000-000000000001'";
    psql(
        &url,
        &format!(
            "insert into activity_user select {account}, 'user' || i || '@example.com', now() \
             from generate_series(1, 20000) i; \
             insert into activity_user values ({account}, 'JÜRGEN@example.com', now()); \
             insert into mail (account_id, id, topic, state, sender, receivers, subject, \
                 message_id, words, text) \
             select {account}, activity_id(), 'T', 'sent', 's', '{{r}}', 'u', 'm', \
                 'customer' || i || E'\\n' || case i when 7 then 'GRÜSSE' else 'Order' end, '' \
             from generate_series(1, 20000) i"
        ),
    );
    // The index is as it is after some time.
    psql(&url, "vacuum analyze");
    for (what, table, index) in [
        ("\"user\"", "activity_user", "activity_user_folded"),
        ("words", "mail", "herald_fold_idx"),
    ] {
        let part = if table == "mail" {
            "grüsse"
        } else {
            "jürgen"
        };
        let wanted = format!(
            "from {table} where account_id = {account} \
             and herald_fold({what}) like herald_fold('%{part}%')"
        );
        assert_eq!(psql(&url, &format!("select count(*) {wanted}")).trim(), "1");
        // As a plan for any value, too: the daemon's statements are prepared.
        let any = wanted.replace(&format!("'%{part}%'"), "$1");
        let plans = psql(
            &url,
            &format!(
                "explain select 1 {wanted}; set plan_cache_mode = force_generic_plan; \
                 prepare any_part (text) as select 1 {any}; explain execute any_part ('%{part}%')"
            ),
        );
        let by_index = plans.matches(index).count();
        assert!(by_index >= 2, "{plans}");
    }
}
