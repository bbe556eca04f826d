-- The last day of the shop whose webhooks tests/pages/lib/shop.mjs made: its events, what became
-- of their deliveries, and the counts that charts are drawn from. Run by psql, once.
\set ON_ERROR_STOP on
set client_min_messages = warning;

-- A number of [0, 1) that only depends on what it is made of: every picture shows the same day.
create function pg_temp.chance(n bigint, salt bigint) returns float8 language sql immutable
    as $$ select (hashint8extended(n, salt) & 16777215) / 16777216.0 $$;
create function pg_temp.version_7(at timestamptz, words text) returns uuid language sql immutable
    as $$ select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7'
        || substr(md5(words), 1, 3) || '8' || substr(md5(words), 4, 15))::uuid $$;

create temp table main as
    select '00000000-0000-7000-8000-000000000001'::uuid as account, now() - interval '10 minutes' as day_end,
        (select max(id) from lane) as lane;

-- Whom the shop tells: since when, under which address, how fast the target is.
create temp table partner (title text, kinds text, url text, days numeric, ms int, until interval);
insert into partner values
    ('Parcelworks:', '^STORE_ORDER_', 'https://api.parcelworks.example/v2/webhooks/nordlicht', 212, 240, '0'),
    ('Ledgerly:', '^ECOMM_ORDER_', 'https://hooks.ledgerly.example/in/8f2c41d09b7e4a55a1c3/orders', 180, 90, '0'),
    ('Stocksync:', '^STORE_PRODUCT_', 'https://stocksync.example/shops/nordlicht/events', 96, 130, '0'),
    ('Orders to', '^STORE_ORDER_CREATED', 'https://chat.example/services/T02/B7Q/x81', 60, 160, '0'),
    ('Letterbird:', '^MEMBER_', 'https://letterbird.example/api/hooks?list=welcome&source=herald', 33, 310, '2 hours'),
    ('Old ERP', '^ORDER_', 'https://erp.nordlicht.example/soap/bridge', 410, 620, '5 hours'),
    ('Search index', '', 'https://search.nordlicht.example/index', 300, 12, '0'),
    ('Reviews and', '^(NEW_|COMMENT_)', 'https://trustmark.example/intake', 12, 200, '1 hour');
create temp table webhook as
    select s.id, p.* from subscription s join partner p on s.title like p.title || '%';
update subscription s set url = w.url, created_at = now() - w.days * interval '1 day' - interval '3 hours',
    updated_at = now() - w.days * interval '5 hours'
from webhook w where s.id = w.id;
update subscription set created_at = now() - interval '20 days', updated_at = now() - interval '20 days'
where title like 'Contact forms%';

-- What happens in a shop: more in the afternoon than at night.
create temp table happened as
select n, pg_temp.version_7(at, 'e' || n) as id, at, case
        when draw < 0.30 then 'STORE_ORDER_CREATED' when draw < 0.46 then 'STORE_ORDER_UPDATED'
        when draw < 0.64 then 'STORE_PRODUCT_UPDATED' when draw < 0.76 then 'ECOMM_ORDER_CREATED'
        when draw < 0.84 then 'MEMBER_CREATED' when draw < 0.92 then 'ORDER_UPDATED'
        else 'COMMENT_EDITED' end as type
from (
    select n, day_end - pg_temp.chance(n, 1) * interval '24 hours' as at, pg_temp.chance(n, 2) as draw
    from main, generate_series(1, 3200) as n
) drawn
where pg_temp.chance(n, 3) < 0.35 + 0.65 * power(sin(extract(epoch from at) / 86400 * pi()), 2);

insert into event (account_id, id, received_at, lane, type, targets, payload)
select m.account, h.id, h.at, m.lane, h.type,
    (select coalesce(array_agg(w.id), '{}') from webhook w
        where h.type ~ w.kinds and h.at < now() - w.until + case w.title when 'Letterbird:' then w.until else '0' end),
    convert_to(json_build_object('data', json_build_object('siteAlias', 'nordlicht', 'storeId', 100217,
            'data', json_build_object('orderId', 'A-' || 18000 + h.n, 'newPaymentStatus',
                case when h.n % 5 < 3 then 'PAID' else 'AWAITING_PAYMENT' end)),
        'source', null, 'resource_data', json_build_object('site_name', 'nordlicht'),
        'event_type', h.type, 'event_timestamp', (extract(epoch from h.at) * 1000)::bigint)::text, 'UTF8')
from happened h, main m;

create temp table told as
select h.n, h.id, h.at, h.type, w.id as webhook, case
        when w.title = 'Letterbird:' and h.at > now() - w.until then 'held'
        when w.title = 'Ledgerly:' and h.n % 5 >= 3 then 'filtered'
        when w.title = 'Stocksync:' and h.at > now() - interval '3 hours' then 'retrying'
        when w.title = 'Orders to' and h.n % 61 = 0 then 'mended'
        when w.title = 'Old ERP' and h.n % 23 = 0 then 'failed'
        else 'sent' end as became,
    (w.ms * (0.6 + 0.9 * pg_temp.chance(h.n, 4) + case when h.n % 40 = 0 then 6 else 0 end))::int as ms
from event e join happened h on h.id = e.id cross join lateral unnest(e.targets) as t (id)
join webhook w on w.id = t.id;

-- How the try number n of each ended.
create temp table tried as
select t.*, try, case
        when became = 'mended' then case when try = 1 then 'retry' else 'sent' end
        when became = 'failed' then case when try < 3 then 'retry' else 'failed' end
        when became = 'retrying' then 'retry'
        else became end as outcome,
    t.at + case try when 1 then interval '0' when 2 then interval '6 seconds' else interval '5 minutes 9 seconds' end
        + interval '20 milliseconds' as tried_at
from told t, generate_series(1, case became when 'mended' then 2 when 'failed' then 3 when 'retrying' then 3 else 1 end) as try
where became <> 'held';

insert into attempt (account_id, subscription_id, event_id, n, duration_ms, at, outcome, origin, status, detail)
select m.account, t.webhook, t.id, try, case when outcome = 'filtered' then 0 else ms end, tried_at,
    outcome::attempt_outcome, 'first',
    case when outcome = 'sent' then 204 when outcome = 'filtered' or became = 'mended' then null else 503 end,
    case outcome
        when 'filtered' then json_build_object('ms', array[0,0,0,0], 'filtered_by', 'named/only-paid-orders.rhai',
            'plugins', json_build_array(json_build_object('name', 'named/only-paid-orders.rhai', 'hash',
                md5('a') || md5('b'), 'us', 14, 'operations', 92)))
        when 'sent' then json_build_object('ms', array[1,3,ms - 5,1], 'timestamp', extract(epoch from tried_at)::bigint,
            'head', json_build_array(json_build_array('server', 'nginx')))
        else case became
            when 'mended' then json_build_object('ms', array[2,4,ms,0], 'timestamp',
                extract(epoch from tried_at)::bigint, 'error', 'The target closed the connection before it answered.')
            else json_build_object('ms', array[1,4,ms - 6,1], 'timestamp', extract(epoch from tried_at)::bigint,
                'head', json_build_array(json_build_array('server', 'nginx'), json_build_array('retry-after', '900')),
                'body', '<html><head><title>503 Service Unavailable</title></head></html>') end
    end::text
from tried t, main m;

insert into delivery (account_id, subscription_id, event_id, due_at, n, base, failures, origin)
select m.account, t.webhook, t.id, case became when 'held' then t.at else now() + interval '2 hours' end,
    case became when 'held' then 0 else 3 end, 0, case became when 'held' then 0 else 3 end, 'first'
from told t, main m where became in ('held', 'retrying');

insert into subscription_count as c (subscription_id, lane, sent, failed, filtered, retried, last_outcome, last_attempt_at)
select webhook, 0, count(*) filter (where outcome = 'sent'), count(*) filter (where outcome = 'failed'),
    count(*) filter (where outcome = 'filtered'), count(*) filter (where outcome = 'retry'),
    (array_agg(outcome order by tried_at desc))[1]::attempt_outcome, max(tried_at)
from tried group by webhook;

-- What charts read, by the minute and by the hour, of each webhook and of the account as a whole.
-- The bounds are those of domain::tally.
with tries as (
    select coalesce(webhook, '00000000-0000-0000-0000-000000000000') as webhook, grain,
        date_trunc(case grain when 1 then 'minute' else 'hour' end, tried_at, 'UTC') as at,
        count(*) filter (where outcome = 'sent') as sent, count(*) filter (where outcome = 'failed') as failed,
        count(*) filter (where outcome = 'filtered') as filtered, count(*) filter (where outcome = 'retry') as retried,
        (select array_agg((select count(*) from unnest(array_agg(part)) as p where p = place) order by place)
            from generate_series(0, 24) as place) as latency
    from (
        select *, case when outcome <> 'filtered' and became <> 'mended' then width_bucket(ms, array[1, 2, 3, 5, 7, 10,
            20, 30, 50, 70, 100, 200, 300, 500, 700, 1000, 2000, 3000, 5000, 7000, 10000, 20000, 30000, 60000]) end as part
        from tried
    ) parted, (values (1), (60)) grains (grain)
    group by grouping sets ((webhook, grain, 3), (grain, 3))
), taken as (
    select grain, date_trunc(case grain when 1 then 'minute' else 'hour' end, at, 'UTC') as at, count(*) as events
    from happened, (values (1), (60)) grains (grain) group by 1, 2
)
insert into stat (account_id, subscription_id, grain, at, lane, events, sent, failed, filtered, retried, latency)
select m.account, coalesce(t.webhook, '00000000-0000-0000-0000-000000000000'), coalesce(t.grain, k.grain),
    coalesce(t.at, k.at), 0, coalesce(k.events, 0), coalesce(t.sent, 0), coalesce(t.failed, 0),
    coalesce(t.filtered, 0), coalesce(t.retried, 0), coalesce(t.latency, '{}')
from tries t
full join taken k on k.grain = t.grain and k.at = t.at and t.webhook = '00000000-0000-0000-0000-000000000000'
cross join main m
-- The daemon has counted its own minutes already.
on conflict do nothing;
