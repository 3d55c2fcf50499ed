-- the keys of a run that follows a check's advice, as typed; '' where there are none
alter table checks add column relaunch varchar default '';
