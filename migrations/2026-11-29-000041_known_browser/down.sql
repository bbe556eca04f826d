drop table known_browser;
