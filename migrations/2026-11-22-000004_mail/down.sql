-- Deliveries that wait for a mail are due again; what was mailed is forgotten.
update delivery set held_by = null, due_at = now() where held_by = 'mail';
drop table mail_due;
drop table mail_try;
drop table mail;
drop type mail_try_outcome;
drop type mail_state;
