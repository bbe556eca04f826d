drop table session_note;
