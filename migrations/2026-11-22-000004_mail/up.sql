-- The mail log, and in it the queue of mails that are not sent yet.

create type mail_state as enum ('queued', 'sent', 'failed');
create type mail_try_outcome as enum ('sent', 'failed', 'retry');

-- Partitioned by the month in its UUIDv7, as the activity log; the daemon makes the partitions.
create table mail (
    account_id uuid not null,
    id uuid not null,
    topic text not null check (length(topic) between 1 and 100),
    state mail_state not null,
    -- Name <address>, as the log shows it.
    sender text not null check (length(sender) <= 700),
    receivers text[] not null check (cardinality(receivers) between 1 and 50),
    reply_to text,
    subject text not null check (length(subject) between 1 and 500),
    -- What stands in Message-ID between the angle brackets: the same at each try.
    message_id text not null,
    -- The host application sent it itself; Herald only keeps it.
    recorded boolean not null default false,
    -- What it says opens a door: the log does not show it, and it is forgotten at the end.
    confidential boolean not null default false,
    -- Tries so far.
    attempts integer not null default 0,
    -- What the mail server said last.
    reply text,
    created_at timestamptz not null default now(),
    sent_at timestamptz,
    -- The delivery that it carries, if it carries one.
    subscription_id uuid,
    event_id uuid,
    -- Sender, receivers and subject, a line each: what the log is searched by.
    words text not null,
    text text not null check (octet_length(text) <= 1048576),
    html text check (octet_length(html) <= 1048576),
    primary key (account_id, id)
) partition by range (id);
create index mail_by_state on mail (account_id, state, id);
create index mail_by_topic on mail (account_id, topic, state, id);

-- Without pg_trgm (a database that does not let its owner have it) the search still works, by
-- reading an account's mails.
do $$
begin
    create extension if not exists pg_trgm;
    create index mail_words on mail using gin (words gin_trgm_ops);
exception when others then
    raise warning 'no index for the words of mails: %', sqlerrm;
end
$$;

-- One row for each try, appended only, partitioned as the mail log.
create table mail_try (
    account_id uuid not null,
    mail_id uuid not null,
    n integer not null check (n > 0),
    at timestamptz not null default now(),
    duration_ms integer not null,
    outcome mail_try_outcome not null,
    reply text not null,
    -- JSON: what was said of each receiver, where there are several.
    receivers text,
    primary key (account_id, mail_id, n)
) partition by range (mail_id);

-- What waits. It is small where the log is large, so that neither slows the other.
create table mail_due (
    account_id uuid not null,
    mail_id uuid not null,
    due_at timestamptz not null default now(),
    -- Numbers the tries and fences them: a claim raises it.
    n integer not null default 0 check (n >= 0),
    -- Tries that failed for now: the place in the schedule.
    failures integer not null default 0 check (failures >= 0),
    -- The addresses that are left.
    pending text[] not null check (cardinality(pending) > 0),
    -- Another receiver of it was refused for good.
    refused boolean not null default false,
    -- The lane of the daemon that claimed it, until its try is recorded.
    claim_lane integer,
    -- The delivery that ends with it: its row is held by this mail.
    subscription_id uuid,
    event_id uuid,
    delivery_n integer,
    -- JSON: what scripts did to it, for its attempt.
    detail text,
    primary key (account_id, mail_id),
    check ((subscription_id is null) = (event_id is null)),
    check ((subscription_id is null) = (delivery_n is null))
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
-- By account, so that one account's thousands stand in nobody's way.
create index mail_due_at on mail_due (account_id, due_at);
create index mail_due_delivery on mail_due (subscription_id, event_id)
    where subscription_id is not null;
create index mail_due_claimed on mail_due (claim_lane) where claim_lane is not null;
