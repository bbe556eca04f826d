alter table account drop column mail_senders;
