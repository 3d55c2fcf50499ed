-- what reviewers said of single test examples; the newest word on an example counts
create table marks (
    id varchar primary key,
    task varchar not null,
    example_id varchar not null,
    run_id varchar not null,
    mark varchar not null check (mark in ('acceptable', 'blocker')),
    person varchar not null,
    reason varchar not null,
    said_at varchar not null
);
create index marks_by_task on marks (task);

-- blind votes between what a run and its base said of one text
create table votes (
    id varchar primary key,
    run_id varchar not null,
    question varchar not null,
    chosen varchar not null check (chosen in ('tuned', 'base', 'tie')),
    person varchar not null,
    said_at varchar not null
);
create index votes_by_run on votes (run_id);
