-- one row a part of the test rows that can be looked at alone: a right answer, or a group of people;
-- answers that are written (no probabilities) are no parts
select '' as "column", gold as value, count(*) as n
from read_parquet($predictions)
where split = 'test' and probabilities is not null
group by gold
union all
select entry.key, entry.value, count(*)
from (
    select unnest(map_entries(groups)) as entry
    from read_parquet($predictions)
    where split = 'test'
)
group by entry.key, entry.value
order by "column", n desc, value
limit 300
