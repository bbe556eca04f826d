-- pg_trgm stays: others may use it by now.
drop table activity, activity_user, activity_type;
drop function activity_is_append_only(), activity_id();
drop type activity_actor;
