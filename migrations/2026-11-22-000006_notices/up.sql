-- What an account's admins were told last of each thing, so that one change of its state is one
-- mail, however many daemons look and however often they start.
create table notice (
    account_id uuid not null,
    -- target, plugin or mail
    kind text not null,
    -- The id of a subscription, the name of a script, the id of a mail.
    subject text not null,
    -- The state that was told.
    told text not null,
    at timestamptz not null default now(),
    primary key (account_id, kind, subject)
);
create index notice_kind on notice (kind, told);
