-- The senders that an account may name in its mails: addresses, and domains for all of theirs.
-- Null: the domain of `mail_from`, as older code permits it and more.
alter table account add column mail_senders text[]
    check (cardinality(mail_senders) <= 50 and array_position(mail_senders, null) is null);
