-- the currency of the prices, as the method of any cost names it
select coalesce(any_value(split_part(how, ',', 1)), '') as currency
from (select how from metrics where name = 'cost_run' and value is not null limit 1)
