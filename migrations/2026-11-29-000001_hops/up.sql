-- Hops: the databases of Herald that an event came through (header `herald-hops`), so that an event
-- that goes in a circle is recognised. Code before this stores none, and sends none.
alter table event add column hops text;

-- One row: the id of this database in hops.
create table hop (
    one boolean primary key default true check (one),
    id text not null
);
insert into hop (id)
    values (encode(substr(sha256(gen_random_uuid()::text::bytea), 1, 8), 'hex'));
