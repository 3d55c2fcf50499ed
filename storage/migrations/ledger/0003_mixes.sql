-- a run that shares another's training starts when that one has ended; '' where it waits for none
alter table runs add column waits_for varchar not null default '';
