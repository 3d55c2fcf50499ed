-- the digest of the spec without its seed and its share of train: runs that differ in size alone
alter table runs add column size_family varchar default '';
