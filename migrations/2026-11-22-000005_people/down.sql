drop table sign_in_attempt, user_link, session, herald_user;
drop type link_purpose, user_role;
