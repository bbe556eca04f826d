-- What one page hands to the next within a session. Code that does not know it never shows it.
create table session_note (
    session bytea references session (hash) on delete cascade,
    -- The path of the page that shows it.
    page text check (octet_length(page) <= 500),
    -- Sealed with a key that the browser's cookie gives, and nothing in the database.
    sealed bytea not null check (octet_length(sealed) <= 32768),
    at timestamptz not null default now(),
    primary key (session, page)
);
