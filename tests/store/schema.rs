//! Migrations, and that the generated schema is the one that they make.

use std::collections::BTreeMap;

use herald::store::{Database, migrate, revert_all};

use crate::support::cluster::Cluster;
use crate::support::psql;

const TABLES: &str = "select count(*) from information_schema.tables where table_schema = 'public' \
     and table_name <> '__diesel_schema_migrations'";
const TYPES: &str = "select count(*) from pg_type t join pg_namespace n on n.oid = t.typnamespace \
     where n.nspname = 'public' and t.typtype = 'e'";

#[actix_rt::test]
async fn migrations_go_up_down_and_up_again() {
    let url = Cluster::shared().empty_database();
    let database = Database::new(&url, 2).unwrap();
    let up = migrate(&database).await.unwrap();
    assert!(!up.is_empty());
    assert_eq!(migrate(&database).await.unwrap(), [] as [&str; 0]);
    let columns = psql(&url, COLUMNS);
    herald::store::partition::ensure(&database).await.unwrap();
    let down = revert_all(&database).await.unwrap();
    assert_eq!(
        down.iter().rev().collect::<Vec<_>>(),
        up.iter().collect::<Vec<_>>()
    );
    assert_eq!(psql(&url, TABLES).trim(), "0");
    assert_eq!(psql(&url, TYPES).trim(), "0");
    assert_eq!(migrate(&database).await.unwrap(), up);
    assert_eq!(psql(&url, COLUMNS), columns);
}

#[actix_rt::test]
async fn two_that_migrate_at_once_do_it_once() {
    let url = Cluster::shared().empty_database();
    let databases = [(); 4].map(|()| Database::new(&url, 2).unwrap());
    let done = futures_util::future::join_all(databases.iter().map(migrate)).await;
    let ran: Vec<usize> = done.into_iter().map(|it| it.unwrap().len()).collect();
    assert_eq!(
        ran.iter().filter(|number| **number > 0).count(),
        1,
        "{ran:?}"
    );
}

const COLUMNS: &str = "select c.table_name, c.column_name, c.udt_name, c.is_nullable \
     from information_schema.columns c \
     join pg_class t on t.relname = c.table_name and not t.relispartition \
     join pg_namespace n on n.oid = t.relnamespace and n.nspname = 'public' \
     where c.table_schema = 'public' and c.table_name <> '__diesel_schema_migrations' \
     order by c.table_name, c.ordinal_position";

/// The tables of the generated schema with their columns: name, type.
fn declared() -> BTreeMap<String, Vec<(String, String)>> {
    let schema = include_str!("../../src/store/schema.rs");
    let mut tables = BTreeMap::new();
    for block in schema.split("diesel::table! {").skip(1) {
        let block = block.split("\n}\n").next().unwrap();
        let lines: Vec<&str> = block.lines().map(str::trim).collect();
        let head = lines
            .iter()
            .find(|line| line.ends_with('{') && line.contains('('))
            .unwrap();
        let table = head.split(' ').next().unwrap().to_owned();
        let mut columns = Vec::new();
        let mut named = None;
        for line in lines {
            if let Some(name) = line.strip_prefix("#[sql_name = \"") {
                named = Some(name.trim_end_matches("\"]").to_owned());
            }
            if let Some((name, kind)) = line.trim_end_matches(',').split_once(" -> ") {
                let name = named.take().unwrap_or_else(|| name.to_owned());
                columns.push((name, kind.to_owned()));
            }
        }
        tables.insert(table, columns);
    }
    tables
}

/// How Diesel names a type of PostgreSQL.
fn diesel_type(udt: &str, nullable: bool) -> String {
    let element = |udt: &str| match udt {
        "bool" => "Bool".to_owned(),
        "bytea" => "Bytea".to_owned(),
        other => {
            let words = other
                .split('_')
                .map(|word| word[..1].to_uppercase() + &word[1..]);
            words.collect()
        }
    };
    let kind = match udt.strip_prefix('_') {
        Some(inner) => format!("Array<Nullable<{}>>", element(inner)),
        None => element(udt),
    };
    if nullable {
        format!("Nullable<{kind}>")
    } else {
        kind
    }
}

#[test]
fn the_generated_schema_is_that_of_the_migrations() {
    let url = Cluster::shared().database();
    let mut found: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for line in psql(&url, COLUMNS).lines() {
        let [table, column, udt, nullable] = line.split('|').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let kind = diesel_type(udt, nullable == "YES");
        let columns = found.entry(table.to_owned()).or_default();
        columns.push((column.to_owned(), kind));
    }
    assert_eq!(declared(), found);
}
