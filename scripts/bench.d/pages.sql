-- Fills a database with one day of deliveries, for the part `pages` of scripts/bench: always the
-- same ones but for the day, which ends now. Run by psql with -v deliveries=N. Events come evenly
-- over the day; 200 subscriptions share the deliveries by Zipf's law, so that the first has 17 %
-- and the last 0.09 %.
\set ON_ERROR_STOP on
set synchronous_commit = off;
set client_min_messages = warning;

-- A number of [0, 1) that only depends on what it is made of.
create function pg_temp.chance(n bigint, salt bigint) returns float8 language sql immutable parallel safe
    as $$ select (hashint8extended(n, salt) & 16777215) / 16777216.0 $$;
create function pg_temp.version_7(at timestamptz, words text) returns uuid language sql immutable parallel safe
    as $$ select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7'
        || substr(md5(words), 1, 3) || '8' || substr(md5(words), 4, 15))::uuid $$;

create temp table main as
    select '00000000-0000-7000-8000-000000000001'::uuid as account,
        -- Not before midnight, or the day would reach before yesterday, which has no partition.
        greatest(date_trunc('second', now()) - interval '5 seconds',
            date_trunc('day', now() at time zone 'utc') at time zone 'utc') as day_end,
        -- With the mean of 2.54 targets that the rules below come to.
        (:deliveries / 2.54)::bigint as events,
        (select coalesce(max(id), 1) from lane) as lane;

-- Ranks 6 and 50 are not enabled and hold what came last, 30 has a plugin that says no to most,
-- 120 has a dead target.
create temp table webhook as
    select rank, pg_temp.version_7(day_end - interval '40 days' + rank * interval '4 hours', 'w' || rank) as id,
        sum(1.0 / rank) over (order by rank) / sum(1.0 / rank) over () as reach,
        day_end - interval '40 days' + rank * interval '4 hours' as at,
        case rank when 6 then 'paused' when 50 then 'disabled' when 77 then 'paused' when 150 then 'disabled'
            else 'enabled' end::subscription_state as state
    from main, generate_series(1, 200) as rank;
create temp table webhooks as
    select array_agg(id order by rank) as ids, array_agg(reach::float8 order by rank) as reach from webhook;
insert into subscription (id, account_id, title, url, triggers, state, headers, max_in_flight,
    timeout_seconds, retry_schedule, created_at, updated_at, version)
select id, account, 'Webhook ' || rank || ' of shop ' || rank % 20,
    'http://127.0.0.1:9/shops/' || rank % 20 || '/webhooks/' || md5(rank::text), array['NOTHING_OF_THIS'],
    state, '{}', 8, 15, array[5,300,1800,7200,18000], at, at + rank % 7 * interval '1 day', version
from webhook, main, routing;
insert into subscription_secret (subscription_id, id, key)
select id, pg_temp.version_7(at, 's' || rank), decode(md5(rank::text), 'hex') from webhook;
update routing set version = version + 1;

-- The first seventeen types are nearly all; DOMAIN_UPDATED is rare, MEMBER_UPDATED goes to nobody.
create temp table kind as
    select row_number() over () - 1 as place, name, sum(weight) over (order by weight desc, name) as reach
    from (
        values ('STORE_ORDER_CREATED', 0.3), ('STORE_ORDER_UPDATED', 0.2), ('STORE_PRODUCT_UPDATED', 0.15),
            ('MEMBER_UPDATED', 0.1), ('ORDER_CREATED', 0.05), ('ORDER_UPDATED', 0.04), ('PRODUCT_UPDATED', 0.03),
            ('STORE_PRODUCT_CREATED', 0.02), ('NEW_COMMENT', 0.02), ('PRODUCT_CREATED', 0.015),
            ('STORE_ORDER_DELETED', 0.01), ('NEW_CONVERSATION', 0.01), ('MEMBER_CREATED', 0.01),
            ('COMMENT_EDITED', 0.01), ('CATEGORY_UPDATED', 0.01), ('USER_CREATED', 0.01), ('PUBLISH', 0.005),
            ('ECOMM_ORDER_CREATED', 0.004), ('BLOG_POST_PUBLISH', 0.003), ('STORE_CATEGORY_UPDATED', 0.002),
            ('CATEGORY_CREATED', 0.0004), ('UNPUBLISH', 0.0003), ('STORE_CATEGORY_CREATED', 0.0002),
            ('PRODUCT_DELETED', 0.00005), ('ORDER_DELETED', 0.00003), ('DOMAIN_UPDATED', 0.00002)
    ) weights (name, weight);
create temp table kinds as
    select array_agg(name order by reach) as names, array_agg(reach::float8 order by reach) as reach from kind;

insert into event (account_id, id, received_at, lane, type, targets, payload)
select m.account, pg_temp.version_7(e.at, n::text), e.at, m.lane, k.names[e.kind], t.targets,
    convert_to('{"event_type":"' || k.names[e.kind] || '","event_timestamp":' ||
        (extract(epoch from e.at) * 1000)::bigint || ',"source":"shop","resource_type":"order","data":{"id":"' ||
        n || '","number":"A-' || n % 100000 || '","currency":"EUR","total":' || n % 9973 || ',"customer":{"name":"Customer ' ||
        n % 7919 || '","email":"customer' || n % 7919 || '@example.com"},"lines":[{"sku":"' || md5(n::text) ||
        '","quantity":1,"price":12.5},{"sku":"' || md5((n + 1)::text) || '","quantity":2,"price":8.75}],"note":"' ||
        md5((n + 2)::text) || '"}}', 'UTF8')
from main m, webhooks w, kinds k, generate_series(1, m.events) as n
cross join lateral (
    select m.day_end - (m.events - n) * (interval '1 day' / m.events) as at,
        least(width_bucket(pg_temp.chance(n, 1), k.reach) + 1, cardinality(k.names)) as kind
) e
cross join lateral (
    select coalesce(array_agg(distinct w.ids[p.rank]), '{}') as targets
    from (
        select width_bucket(pg_temp.chance(n, 10 + draw), w.reach) + 1 as rank
        from generate_series(1, (pg_temp.chance(n, 2) * 8)::int) as draw
    ) p
    -- No webhook has all types.
    where p.rank between 1 and 200 and (p.rank * 7 + e.kind * 3) % 5 <> 0
        and k.names[e.kind] <> 'MEMBER_UPDATED'
) t;

-- What became of each delivery.
create unlogged table bench_delivery as
select d.event_id, d.subscription_id, d.at, d.rank::smallint as rank, case
        when d.rank = 6 and d.left < interval '100 minutes' or d.rank = 50 and d.left < interval '2 hours' then 'held'
        when d.rank = 30 and d.h % 10 < 9 then 'filtered'
        when d.rank = 120 and d.left < interval '6 hours' then 'retrying'
        when d.rank = 1 and d.left < interval '10 seconds' then 'queued'
        when d.rank in (77, 150) and d.h % 100 = 0 then 'held'
        when d.h % 1000 < 8 then 'failed'
        when d.h % 1000 < 10 then 'retrying'
        when d.h % 1000 < 12 then 'mended'
        when d.h % 1000 < 14 then 'filtered'
        when d.h % 10000 between 500 and 504 then 'cancelled'
        else 'sent' end::text as became
from (
    select e.id as event_id, w.id as subscription_id, e.received_at as at, w.rank, m.day_end - e.received_at as left,
        uuid_hash_extended(e.id, w.rank) & 1073741823 as h
    from event e cross join lateral unnest(e.targets) as t (id)
    join webhook w on w.id = t.id cross join main m
    where e.account_id = m.account
) d;

insert into attempt (account_id, subscription_id, event_id, n, duration_ms, at, outcome, origin, lane, status,
    detail)
select m.account, d.subscription_id, d.event_id, 1, 3 + d.rank % 90, d.at + interval '20 milliseconds',
    'sent', 'first', m.lane, 204,
    '{"ms":[0,0,' || 3 + d.rank % 90 || ',0],"timestamp":' || extract(epoch from d.at)::bigint ||
    ',"head":[["server","nginx/1.22.1"],["date","Sun, 22 Nov 2026 06:00:00 GMT"],["connection","keep-alive"]]}'
from bench_delivery d, main m
where d.became = 'sent';

-- The others: some have ended, with one or several attempts.
insert into attempt (account_id, subscription_id, event_id, n, duration_ms, at, outcome, origin, lane, status,
    detail)
select m.account, d.subscription_id, d.event_id, n, 40 + d.rank, d.at + (n - 1) * interval '5 minutes',
    (case when d.became in ('filtered', 'cancelled') then d.became
        when d.became = 'failed' and n = 3 then 'failed'
        when d.became = 'mended' and n = 3 then 'sent'
        else 'retry' end)::attempt_outcome, 'first', m.lane,
    case when d.became in ('filtered', 'cancelled') or d.rank = 120 then null
        when d.became = 'mended' and n = 3 then 204 else 503 end::smallint,
    case d.became when 'cancelled' then null
        when 'filtered' then '{"ms":[0,0,0,0],"plugins":[{"name":"named/paid-orders.rhai","hash":"' ||
            md5('a') || md5('b') || '","us":12,"operations":80}],"filtered_by":"named/paid-orders.rhai"}'
        else '{"ms":[0,0,' || 40 + d.rank || ',1],"timestamp":' || extract(epoch from d.at)::bigint ||
            case when d.rank = 120 then ',"error":"The target refused the connection (127.0.0.1:9)."'
                else ',"head":[["server","nginx/1.22.1"],["content-type","text/html"],["retry-after","120"]],' ||
                    '"body":"<html><head><title>503 Service Temporarily Unavailable</title></head><body>' ||
                    repeat('padding ', 20) || '</body></html>"' end || '}' end
from bench_delivery d, main m, generate_series(1, case when d.became in ('filtered', 'cancelled') then 1 else 3 end) as n
where d.became in ('failed', 'retrying', 'mended', 'filtered', 'cancelled');

-- What is open. Nothing is due before tomorrow, so that nothing changes while it is looked at.
insert into delivery (account_id, subscription_id, event_id, due_at, n, base, failures, origin)
select m.account, d.subscription_id, d.event_id,
    case when d.became = 'held' then d.at else m.day_end + interval '1 day' end,
    case when d.became = 'retrying' then 3 else 0 end, 0, case when d.became = 'retrying' then 3 else 0 end, 'first'
from bench_delivery d, main m
where d.became in ('held', 'retrying', 'queued');

insert into subscription_count (subscription_id, lane, sent, failed, filtered, cancelled, retried, last_outcome,
    last_attempt_at)
select d.subscription_id, m.lane, count(*) filter (where became in ('sent', 'mended')),
    count(*) filter (where became = 'failed'), count(*) filter (where became = 'filtered'),
    count(*) filter (where became = 'cancelled'),
    2 * count(*) filter (where became in ('failed', 'mended')) + 3 * count(*) filter (where became = 'retrying'),
    case when d.rank = 120 then 'retry' else 'sent' end::attempt_outcome, max(d.at)
from bench_delivery d, main m
group by d.subscription_id, d.rank, m.lane
on conflict do nothing;

-- The rollups: minutes first, then hours as their sums.
insert into stat (account_id, subscription_id, grain, at, lane, events, sent, failed, filtered, cancelled, retried,
    latency)
select m.account, k.subscription_id, 1, k.at, m.lane, coalesce(e.events, 0), k.sent, k.failed, k.filtered,
    k.cancelled, k.retried, array[0, 0, k.sent / 3, k.sent - k.sent / 3 - k.sent / 50, k.sent / 50]
from main m
cross join (
    select coalesce(subscription_id, '00000000-0000-0000-0000-000000000000') as subscription_id, minute as at,
        count(*) filter (where became in ('sent', 'mended'))::int as sent,
        count(*) filter (where became = 'failed')::int as failed,
        count(*) filter (where became = 'filtered')::int as filtered,
        count(*) filter (where became = 'cancelled')::int as cancelled,
        3 * count(*) filter (where became = 'retrying')::int as retried
    from (select subscription_id, became, date_trunc('minute', at, 'UTC') as minute from bench_delivery) d
    group by grouping sets ((subscription_id, minute), (minute))
) k
left join (
    select '00000000-0000-0000-0000-000000000000'::uuid as subscription_id,
        date_trunc('minute', received_at, 'UTC') as at, count(*)::int as events
    from event group by 2
) e using (subscription_id, at);
insert into stat (account_id, subscription_id, grain, at, lane, events, sent, failed, filtered, cancelled, retried,
    latency)
select account_id, subscription_id, 60, date_trunc('hour', at, 'UTC'), lane, sum(events), sum(sent), sum(failed),
    sum(filtered), sum(cancelled), sum(retried),
    array[0, 0, sum(latency[3]), sum(latency[4]), sum(latency[5])]::int4[]
from stat where grain = 1
group by account_id, subscription_id, date_trunc('hour', at, 'UTC'), lane;

drop table bench_delivery;

-- The other logs, with as much as their pages need; their searches have benches of their own.
insert into activity (account_id, at, "user", actor, "group", activity, payload)
select account, day_end - (20000 - n) * interval '4 seconds', 'user' || n % 200 || '@example.com', 'application',
    case n % 4 when 0 then 'Profile' else 'Order' end,
    case n % 4 when 0 then 'Update Info' when 1 then 'Submit' else 'Review' end,
    '{"order": ' || n || ', "note": "' || md5(n::text) || '"}'
from main, generate_series(1, 20000) as n;
insert into activity_user
select account_id, "user", date_trunc('month', max(at))::date from activity where "user" is not null group by 1, 2
on conflict do nothing;
insert into mail (account_id, id, topic, state, sender, receivers, subject, message_id, recorded, words, text,
    created_at, sent_at, reply)
select account, pg_temp.version_7(at, 'm' || n), case n % 3 when 0 then 'Order Status' else 'Receipt' end,
    case when n % 100 = 0 then 'failed' else 'sent' end::mail_state, 'Shop <shop@example.com>',
    array['customer' || n || '@example.com'], 'Your order A-' || n, n || '@bench', true,
    'Shop <shop@example.com>' || chr(10) || 'customer' || n || '@example.com' || chr(10) || 'Your order A-' || n,
    'Thank you for your order A-' || n || '.', at, at, '250 2.0.0 Ok'
from (select account, n, day_end - (20000 - n) * interval '4 seconds' as at from main, generate_series(1, 20000) as n) m;
