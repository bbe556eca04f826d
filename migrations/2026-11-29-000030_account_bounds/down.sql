drop table idempotency_count;
drop index event_type_by_name;
alter table event_type drop column pattern_bytes;
alter table event_type drop column schema_bytes;
