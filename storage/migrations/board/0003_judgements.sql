-- tie groups, pooled seeds, targets, the policy's answer; the JSON of `judgements.py`, '' for none
alter table standings add column tie_group integer;
alter table standings add column sealed boolean default false;
alter table standings add column published_best boolean default false;
alter table standings add column seeds varchar default '';
alter table standings add column targets varchar default '[]';
alter table standings add column gate varchar default '';

-- the places are part of what was computed from a task's inputs
drop table places;
alter table placings add column record varchar default '';

-- which settings the costs were computed with
alter table publication add column settings_digest varchar default '';

-- one row a task version: whether fine-tuning was worth it (Worth), what its board can tell (TaskNotes)
create table verdicts (
    task varchar not null,
    task_version integer not null,
    worth varchar not null,
    notes varchar not null,
    primary key (task, task_version)
);

-- one row a waiver of a check, as in the ledger
create table waivers (
    id varchar primary key,
    run_id varchar not null,
    check_id varchar not null,
    person varchar not null,
    reason varchar not null,
    until varchar not null,
    given_at varchar not null
);

-- one row a run whose scores on a sealed test set were shown, as in the ledger
create table openings (
    run_id varchar primary key,
    task varchar not null,
    test_digest varchar not null,
    person varchar not null,
    opened_at varchar not null
);
