-- The feature level: what a version of Herald can read of what newer versions store. A lane states
-- the level of its daemon; the database states the level that its data needs, and no daemon below
-- that gets a lane. The levels are listed in src/store/feature_level.rs.

-- One row.
create table feature_level (
    one boolean primary key default true check (one),
    needed smallint not null
);
insert into feature_level (needed) select case when since is null then 0 else 1 end from seal;

-- Code before this states none: it is at 1 if it can open sealed values, else at 0.
alter table lane add column feature_level smallint;
update lane set feature_level = case when seal_keys is null then 0 else 1 end;
alter table lane alter column feature_level set not null;

create or replace function lane_can_open() returns trigger language plpgsql as $$
declare
    needs smallint;
    lacking record;
begin
    new.feature_level :=
        coalesce(new.feature_level, case when new.seal_keys is null then 0 else 1 end);
    select needed into needs from feature_level;
    if new.feature_level < needs then
        raise exception 'this version of Herald is too old to open what is stored in this '
            'database: start the newer version that ran on it (feature level % is needed, this '
            'version has %)', needs, new.feature_level;
    end if;
    select id, place into lacking from seal_key
        where not (fingerprint = any (new.seal_keys)) order by id limit 1;
    if found then
        raise exception 'the key file lacks key % of this database: copy the key file of %',
            lacking.id, lacking.place;
    end if;
    return new;
end $$;

-- Code before this begins to seal by this column alone.
create function sealing_needs_its_level() returns trigger language plpgsql as $$
begin
    update feature_level set needed = 1 where needed < 1;
    return new;
end $$;
create trigger sealing_needs_its_level after update of since on seal
    for each row when (new.since is not null) execute function sealing_needs_its_level();
