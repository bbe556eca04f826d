-- The code before this cannot open what is sealed.
update routing set version = version + 1;
update subscription set state = 'disabled', updated_at = now(),
    version = (select version from routing),
    disabled_reason = 'Its URL was sealed by a newer version of Herald: set it again, then enable '
        'it.'
where deleted_at is null and sealed_url is not null;
update subscription set url = replace(url, repeat(chr(8226), 3), ''), sealed_url = null
where sealed_url is not null;
update feature_level set needed = least(needed, 1);

drop trigger seal_key_is_unused on seal_key;
drop function seal_key_is_unused();
drop trigger plain_url_counts on subscription;
drop function plain_url_counts();
drop index subscription_url_plain;
alter table subscription drop column sealed_url;
