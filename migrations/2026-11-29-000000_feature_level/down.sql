drop trigger sealing_needs_its_level on seal;
drop function sealing_needs_its_level();
create or replace function lane_can_open() returns trigger language plpgsql as $$
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
alter table lane drop column feature_level;
drop table feature_level;
