-- The parts that are much of what German suppliers have in stock.
WITH stock AS (
    SELECT ps_partkey, sum(ps_supplycost * ps_availqty) AS value
    FROM partsupp.partsupp
    JOIN supplier.supplier ON s_suppkey = ps_suppkey
    JOIN nation.nation ON n_nationkey = s_nationkey
    WHERE n_name = 'GERMANY'
    GROUP BY ps_partkey
)
FROM stock
WHERE value > (SELECT sum(value) * 0.0001 FROM stock)
ORDER BY value DESC
