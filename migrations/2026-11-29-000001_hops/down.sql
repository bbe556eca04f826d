drop table hop;
alter table event drop column hops;
