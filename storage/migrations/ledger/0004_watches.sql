-- one row a person's wish to be told of a run, or not to be; the last word counts
create table watches (
    run_id varchar not null,
    person varchar not null,
    told integer not null check (told in (0, 1)),
    primary key (run_id, person)
);
