-- A token's own limit. Code that does not know it makes tokens without one, and limits none.
-- Requests a second; 0: any number; null: what the settings say.
alter table token add column rate_limit integer check (rate_limit between 0 and 1000000);
