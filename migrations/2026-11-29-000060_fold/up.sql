-- Upper and lower case alike, for all letters: lower() knows no more of them than the database's
-- locale does, and in C those are A to Z. herald_fold() takes the letters of ICU where the server
-- has it, else those of another Unicode locale. Greek's two small sigmas have one capital.
do $$
declare
    letters text := '';
begin
    select 'collate pg_catalog.' || quote_ident(c.collname) into letters
    from pg_collation c
    join unnest(array['und-x-icu', 'pg_c_utf8', 'C.utf8', 'C.UTF-8', 'en_US.utf8'])
        with ordinality as wanted (name, place) on wanted.name = c.collname
    where c.collnamespace = 'pg_catalog'::regnamespace
        and c.collencoding in (-1, pg_char_to_encoding('UTF8'))
    order by wanted.place limit 1;
    -- Most texts are ASCII, for which C is five times as fast as ICU.
    execute format(
        $fold$create function herald_fold(text) returns text language sql immutable parallel safe
            return case when octet_length($1) = length($1)
                then lower($1 collate "C") collate "default"
                else translate(lower($1 %s), 'ς', 'σ') collate "default"
            end$fold$,
        coalesce(letters, ''));
end
$$;

-- They take the place of the indexes for `ilike`: code from before finds the same without them,
-- only slower. Without pg_trgm the search works by reading, as before.
do $$
begin
    create extension if not exists pg_trgm;
    create index activity_user_folded on activity_user using gin (herald_fold("user") gin_trgm_ops);
    create index mail_folded on mail using gin (herald_fold(words) gin_trgm_ops);
    drop index if exists activity_user_part, mail_words;
exception when others then
    raise warning 'no index for parts of names and words: %', sqlerrm;
end
$$;
