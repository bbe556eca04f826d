-- Path and query of a webhook's URL often hold a credential, so they are sealed as headers are:
-- `sealed_url` has the whole URL, and `url` what everybody may see of it. Code before this gets no
-- lane once URLs are sealed (feature level 2).
alter table subscription add column sealed_url bytea;

-- What is still in plain is found without a look at the rest.
create index subscription_url_plain on subscription (id)
    where sealed_url is null and url ~ '^https?://[^/]+/.';

-- What code before this writes in plain counts: it does not know of the sealed value.
create function plain_url_counts() returns trigger language plpgsql as $$
begin
    if new.url is distinct from old.url
        and new.sealed_url is not distinct from old.sealed_url then
        new.sealed_url := null;
    end if;
    return new;
end $$;
create trigger plain_url_counts before update of url on subscription
    for each row execute function plain_url_counts();

-- `herald rotate-key` of code before this seals no URL with the new key: it must not forget the old
-- one.
create function seal_key_is_unused() returns trigger language plpgsql as $$
begin
    if exists (select from subscription where get_byte(sealed_url, 0) = old.id) then
        raise exception 'URLs of webhooks are sealed with key %: run `herald rotate-key` of the '
            'version of Herald that sealed them', old.id;
    end if;
    return old;
end $$;
create trigger seal_key_is_unused before delete on seal_key
    for each row execute function seal_key_is_unused();
