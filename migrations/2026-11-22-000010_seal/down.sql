-- The code before this cannot open what is sealed, and must not send without it.
update subscription s set state = 'disabled', updated_at = now(),
    disabled_reason = 'Its secrets were sealed by a newer version of Herald: give it a new secret '
        'and its headers again, then enable it.'
where s.deleted_at is null and (s.sealed_headers is not null or exists (
    select from subscription_secret k where k.subscription_id = s.id and k.key is null));
update routing set version = version + 1;
update subscription set version = (select version from routing)
where state = 'disabled' and disabled_reason like 'Its secrets were sealed by a newer%';
delete from subscription_secret where key is null;

drop trigger plain_headers_count on subscription;
drop function plain_headers_count();
drop trigger lane_can_open on lane;
drop function lane_can_open();
alter table lane drop column seal_keys;
drop index subscription_headers_plain;
drop index subscription_secret_plain;
alter table subscription drop column sealed_headers;
alter table subscription_secret
    drop constraint subscription_secret_there,
    drop column sealed,
    alter column key set not null;
drop table seal, seal_key;
