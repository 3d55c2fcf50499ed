-- which rows of a test set are among the texts that a run learnt from: a bit a row, packed.
-- Both sides are named by the hash of their file of fingerprints, so that equal data is asked once.
create table shared_texts (
    learnt varchar,
    test varchar,
    texts bigint,
    n bigint,
    exact blob,
    near blob,
    primary key (learnt, test)
);
