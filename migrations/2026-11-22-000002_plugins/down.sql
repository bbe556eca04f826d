-- Held rows would never become due again.
update delivery set due_at = now() where held_by is not null;
drop index delivery_held;
alter table delivery drop column held_by;
drop table plugin_state;
