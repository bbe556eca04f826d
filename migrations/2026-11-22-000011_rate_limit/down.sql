alter table token drop column rate_limit;
