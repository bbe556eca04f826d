-- Secrets sealed at rest. Sealed values stand in columns of their own beside the plain ones, so
-- that the code before this can go on: nothing is sealed while a lane of it is open.

-- The keys that sealed values are sealed with. The keys themselves are in the daemons' key files.
create table seal_key (
    -- The first byte of what is sealed with it.
    id smallint primary key check (id between 1 and 255),
    -- A SHA-256 that tells nothing of the key.
    fingerprint bytea not null unique check (octet_length(fingerprint) = 32),
    -- Where its file was when it was made, for people who look for it.
    place text not null,
    created_at timestamptz not null default now()
);

-- One row.
create table seal (
    one boolean primary key default true check (one),
    -- Since when values are sealed; null: a daemon that cannot open them may be alive.
    since timestamptz,
    -- What new values are sealed with.
    current smallint references seal_key
);
insert into seal default values;

alter table subscription_secret
    add column sealed bytea,
    alter column key drop not null,
    add constraint subscription_secret_there check (key is not null or sealed is not null);
alter table subscription add column sealed_headers bytea;

-- What is still in plain is found without a look at the rest.
create index subscription_secret_plain on subscription_secret (subscription_id, id)
    where key is not null;
create index subscription_headers_plain on subscription (id) where headers <> '{}';

-- The fingerprints of the keys that the lane's daemon has; null: it knows nothing of sealing.
alter table lane add column seal_keys bytea[];

-- No daemon works that could not open what the others seal.
create function lane_can_open() returns trigger language plpgsql as $$
declare
    lacking record;
begin
    if new.seal_keys is null then
        if exists (select from seal where since is not null) then
            raise exception 'the secrets in this database are sealed, and this version of Herald '
                'is too old to open them';
        end if;
        return new;
    end if;
    select id, place into lacking from seal_key
        where not (fingerprint = any (new.seal_keys)) order by id limit 1;
    if found then
        raise exception 'the key file lacks key % of this database: copy the key file of %',
            lacking.id, lacking.place;
    end if;
    return new;
end $$;
create trigger lane_can_open before insert on lane
    for each row execute function lane_can_open();

-- What code before this writes in plain counts: it does not know of the sealed value.
create function plain_headers_count() returns trigger language plpgsql as $$
begin
    if new.headers <> '{}' and new.headers is distinct from old.headers
        and new.sealed_headers is not distinct from old.sealed_headers then
        new.sealed_headers := null;
    end if;
    return new;
end $$;
create trigger plain_headers_count before update of headers on subscription
    for each row execute function plain_headers_count();
