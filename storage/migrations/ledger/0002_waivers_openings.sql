-- one row a named person's word that a check need not hold for a run until a day; only inserted
create table waivers (
    id varchar primary key,
    run_id varchar not null,
    check_id varchar not null,
    person varchar not null,
    reason text not null check (reason <> ''),
    until varchar not null,
    given_at varchar not null
);
create index waivers_by_run on waivers (run_id);

-- one row a run whose scores on a sealed test set were shown; only inserted
create table openings (
    run_id varchar primary key,
    task varchar not null,
    test_digest varchar not null,
    person varchar not null,
    opened_at varchar not null
);
