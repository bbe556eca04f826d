drop table audit_result;
drop table stat;
drop index lane_unsettled;
alter table lane drop column stats_settled, drop column stats_repaired_at, drop column stats_at;
drop index attempt_at;
alter table attempt drop column lane;
