drop table plugin_health;
