-- The board: what it means. A projection of the ledger and the run folders, made anew at will.
-- Times are naive UTC. No foreign keys, enums or secondary indexes: DuckDB 2.0 cannot alter tables
-- that have them, and they do not help these questions. Curves and predictions stay in the run
-- folders as Parquet.

-- one row, ever: how much of the ledger this board knows, and when it was published
create table publication (
    only_row integer primary key check (only_row = 1),
    schema_sha256 varchar not null,
    ledger_version bigint not null,
    transition_id bigint not null,
    decision_seq bigint not null,
    chain_head varchar not null,
    published_at timestamp not null
);

-- one row a version of a task
create table tasks (
    name varchar not null,
    version integer not null check (version >= 1),
    kind varchar not null,
    primary_metric varchar not null,
    owner varchar not null,
    labels varchar[] not null,
    test_rows bigint not null,
    test_digest varchar not null,
    dataset_digest varchar not null,
    record varchar not null,
    dataset varchar not null,
    added_by varchar not null,
    added_at timestamp not null,
    primary key (name, version)
);

-- one row a run, as the ledger has it
create table runs (
    id varchar primary key,
    task varchar not null,
    task_version integer not null,
    method varchar not null,
    base varchar not null,
    seed bigint not null,
    family varchar not null, -- digest of the spec without its seed
    spec varchar not null,
    state varchar not null
        check (state in ('queued', 'active', 'succeeded', 'failed', 'cancelled')),
    reason varchar not null,
    requested_by varchar not null,
    origin varchar not null,
    attempt integer not null check (attempt >= 0),
    created_at timestamp not null,
    updated_at timestamp not null
);

-- one row a try at a run on a host
create table attempts (
    run_id varchar not null,
    number integer not null check (number >= 1),
    state varchar not null,
    host varchar not null,
    reason varchar not null,
    created_at timestamp not null,
    updated_at timestamp not null,
    primary key (run_id, number)
);

-- one row a step of a state machine, numbered as in the ledger
create table transitions (
    id bigint primary key,
    kind varchar not null check (kind in ('run', 'attempt', 'review')),
    subject varchar not null,
    before_state varchar not null,
    after_state varchar not null,
    actor varchar not null,
    reason varchar not null,
    happened_at timestamp not null
);

-- one row a succeeded run whose folder was looked at; `problem` says why it could not be taken in
create table evidence (
    run_id varchar primary key,
    problem varchar not null,
    manifest_digest varchar not null,
    test_digest varchar not null,
    rows_digest varchar not null, -- of the ids and labels of the test rows that were predicted
    scoring varchar not null,
    engine varchar not null,
    engine_reason varchar not null,
    summary varchar not null,
    finished_at timestamp,
    check ((problem = '') = (manifest_digest <> ''))
);

-- one row a measured number of a run, on one split, for one group of examples ('' is all)
create table metrics (
    run_id varchar not null,
    place integer not null, -- the order in which the run wrote them
    name varchar not null,
    split varchar not null check (split in ('train', 'validation', 'test', 'run')),
    group_name varchar not null,
    value double,
    low double,
    high double,
    n bigint not null check (n >= 0),
    how varchar not null,
    missing_because varchar,
    primary key (run_id, name, split, group_name),
    check (value is not null or missing_because is not null)
);

-- one row a check of a run: origin 'run' is from its folder, 'board' was made here
create table checks (
    run_id varchar not null,
    origin varchar not null check (origin in ('run', 'board')),
    place integer not null,
    id varchar not null,
    outcome varchar not null check (outcome in ('pass', 'warn', 'fail', 'not_run')),
    value double,
    low double,
    high double,
    limit_value double,
    n bigint not null check (n >= 0),
    reason varchar not null,
    advice varchar not null,
    primary key (run_id, origin, id)
);

-- one row a run compared with the best baseline, on the same test rows
-- (interval and p-value with a least error; a board made before that has another schema)
create table differences (
    run_id varchar not null,
    against varchar not null,
    metric varchar not null,
    value double not null,
    low double not null,
    high double not null,
    p double not null,
    n bigint not null,
    how varchar not null,
    primary key (run_id, against, metric)
);

-- one row a task version whose places were computed; `inputs` says from what
create table placings (
    task varchar not null,
    task_version integer not null,
    inputs varchar not null,
    primary key (task, task_version)
);

-- one row a run that has a place among comparable runs
create table places (
    run_id varchar primary key,
    task varchar not null,
    task_version integer not null,
    place_low integer not null check (place_low >= 1),
    place_high integer not null check (place_high >= place_low)
);

-- one row a run that ended with or without a result, where it stands in its task
create table standings (
    run_id varchar primary key,
    task varchar not null,
    task_version integer not null,
    board_order integer not null,
    status varchar not null
        check (status in ('baseline', 'candidate', 'in_review', 'approved', 'rejected',
                          'failed')),
    ranked boolean not null,
    unranked_because varchar not null,
    place_low integer,
    place_high integer,
    provisional varchar[] not null,
    against varchar not null,
    evidence_digest varchar not null,
    unique (task, board_order),
    check (ranked = (unranked_because = '')),
    check (ranked = (place_low is not null))
);

-- one row a request for approval of a run
create table reviews (
    id varchar primary key,
    run_id varchar not null,
    task varchar not null,
    state varchar not null
        check (state in ('in_review', 'approved', 'rejected', 'withdrawn', 'expired')),
    requested_by varchar not null,
    evidence_digest varchar not null,
    compared_with varchar[] not null,
    approvals_needed integer not null,
    created_at timestamp not null,
    updated_at timestamp not null
);

-- one row a reviewer's decision, a link of the hash chain
create table decisions (
    seq bigint primary key,
    review_id varchar not null,
    run_id varchar not null,
    person varchar not null,
    verdict varchar not null check (verdict in ('approve', 'reject')),
    reason varchar not null,
    evidence_digest varchar not null,
    decided_at timestamp not null,
    previous_hash varchar not null,
    hash varchar not null
);
