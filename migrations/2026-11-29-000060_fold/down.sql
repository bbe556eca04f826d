do $$
begin
    create index activity_user_part on activity_user using gin ("user" gin_trgm_ops);
    create index mail_words on mail using gin (words gin_trgm_ops);
exception when others then
    raise warning 'no index for parts of names and words: %', sqlerrm;
end
$$;
drop index if exists activity_user_folded, mail_folded;
drop function herald_fold(text);
