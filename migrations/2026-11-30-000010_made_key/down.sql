drop table made_key;
