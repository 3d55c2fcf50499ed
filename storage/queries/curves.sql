-- one row a step at which something was measured while training
select step, epoch, train_loss, validation_loss, validation_metric
from read_parquet($curves)
order by step
