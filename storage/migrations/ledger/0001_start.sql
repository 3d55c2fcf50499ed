-- The ledger: who asked for what, what became of it, what was said to whom, who decided.
-- Plain SQL that SQLite and PostgreSQL both know. Times are ISO 8601 text in UTC.

-- one row a sequence whose numbers must have no gaps or races
create table counters (
    name varchar primary key,
    value integer not null
);
insert into counters (name, value) values ('transition', 0), ('decision', 0), ('outbox', 0);

-- one row a version of a task; a changed task or changed data is a new version
create table tasks (
    name varchar not null,
    version integer not null check (version >= 1),
    digest varchar not null,
    record text not null,
    dataset text not null,
    toml text not null,
    added_by varchar not null,
    added_at varchar not null,
    primary key (name, version)
);

-- one row a request to train, and its state now
create table runs (
    id varchar primary key,
    request_key varchar not null unique,
    task varchar not null,
    task_version integer not null,
    method varchar not null,
    spec text not null,
    state varchar not null
        check (state in ('queued', 'active', 'succeeded', 'failed', 'cancelled')),
    reason text not null,
    requested_by varchar not null,
    origin varchar not null,
    attempt integer not null check (attempt >= 0),
    cancel_requested integer not null check (cancel_requested in (0, 1)),
    created_at varchar not null,
    updated_at varchar not null
);
create index runs_by_state on runs (state, created_at);

-- one row a try at a run on a host
create table attempts (
    run_id varchar not null,
    number integer not null check (number >= 1),
    state varchar not null
        check (state in ('dispatching', 'submitted', 'running', 'cancelling',
                         'succeeded', 'failed', 'cancelled', 'lost')),
    host varchar not null,
    gpus varchar not null,
    reason text not null,
    created_at varchar not null,
    updated_at varchar not null,
    primary key (run_id, number)
);

-- one row a step of a state machine; only inserted
create table transitions (
    id integer primary key,
    kind varchar not null check (kind in ('run', 'attempt', 'review')),
    subject varchar not null,
    before_state varchar not null,
    after_state varchar not null,
    actor varchar not null,
    reason text not null,
    happened_at varchar not null
);
create index transitions_by_subject on transitions (subject);

-- one row a request for approval of a run
create table reviews (
    id varchar primary key,
    run_id varchar not null,
    task varchar not null,
    state varchar not null
        check (state in ('in_review', 'approved', 'rejected', 'withdrawn', 'expired')),
    requested_by varchar not null,
    evidence_digest varchar not null,
    compared_with text not null,
    approvals_needed integer not null check (approvals_needed >= 1),
    created_at varchar not null,
    updated_at varchar not null
);
create unique index one_open_review_a_run on reviews (run_id) where state = 'in_review';

-- one row a reviewer's decision, a link of the hash chain; only inserted
create table decisions (
    seq integer primary key,
    review_id varchar not null,
    run_id varchar not null,
    person varchar not null,
    verdict varchar not null check (verdict in ('approve', 'reject')),
    reason text not null check (reason <> ''),
    evidence_digest varchar not null,
    decided_at varchar not null,
    previous_hash varchar not null,
    hash varchar not null unique,
    unique (review_id, person)
);

-- one row a thing to be said in chat, until it was said
create table outbox (
    id integer primary key,
    dedupe_key varchar not null unique,
    coalesce_key varchar not null,
    kind varchar not null,
    channel varchar not null,
    subject varchar not null,
    payload text not null,
    state varchar not null check (state in ('pending', 'sent', 'dead')),
    tries integer not null,
    not_before varchar not null,
    error text not null,
    created_at varchar not null
);
create index outbox_pending on outbox (state, not_before, id);

-- one row a message that we posted and may edit, by what it is about
create table messages (
    subject varchar not null,
    channel varchar not null,
    ts varchar not null,
    primary key (subject, channel)
);
