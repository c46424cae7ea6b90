-- The profit of green parts, by the supplier's nation and year.
SELECT
    n_name AS nation,
    year(o_orderdate) AS o_year,
    sum(l_extendedprice * (1 - l_discount) - ps_supplycost * l_quantity) AS sum_profit
FROM part.part
JOIN lineitem.lineitem ON l_partkey = p_partkey
JOIN partsupp.partsupp ON ps_partkey = l_partkey AND ps_suppkey = l_suppkey
JOIN supplier.supplier ON s_suppkey = l_suppkey
JOIN nation.nation ON n_nationkey = s_nationkey
JOIN orders.orders ON o_orderkey = l_orderkey
WHERE p_name LIKE '%green%'
GROUP BY ALL
ORDER BY nation, o_year DESC
