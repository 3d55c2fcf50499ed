-- what people said of examples and of answers, as the ledger has it
create table marks (
    id varchar,
    task varchar,
    example_id varchar,
    run_id varchar,
    mark varchar,
    person varchar,
    reason varchar,
    said_at varchar
);
create table votes (
    id varchar,
    run_id varchar,
    question varchar,
    chosen varchar,
    person varchar,
    said_at varchar
);
