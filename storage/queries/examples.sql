-- one row a test example, with what each of several runs said of it
select
    example_id, any_value("row") as "row", any_value(text) as text, any_value(gold) as gold,
    list({'file': filename, 'predicted': predicted, 'right': gold = predicted} order by filename)
        as said
from read_parquet($files, filename = true, union_by_name = true)
where split = $split and ($words = '' or contains(lower(text), lower($words)))
  and ($value is null or case $column when '' then gold else groups[$column] end = $value)
group by example_id
having not $wrong_only or bool_or(gold <> predicted)
order by count(*) filter (gold <> predicted) desc, example_id
limit $limit offset $offset
