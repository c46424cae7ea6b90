-- Who in Canada has more of a forest part than half a year's sales.
WITH sold AS (
    SELECT l_partkey, l_suppkey, 0.5 * sum(l_quantity) AS half
    FROM lineitem.lineitem
    WHERE l_shipdate >= DATE '1994-01-01' AND l_shipdate < DATE '1995-01-01'
    GROUP BY ALL
),
surplus AS (
    SELECT ps_suppkey
    FROM partsupp.partsupp
    JOIN part.part ON p_partkey = ps_partkey
    JOIN sold ON l_partkey = ps_partkey AND l_suppkey = ps_suppkey
    WHERE p_name LIKE 'forest%' AND ps_availqty > half
)
SELECT s_name, s_address
FROM supplier.supplier
JOIN nation.nation ON n_nationkey = s_nationkey
SEMI JOIN surplus ON ps_suppkey = s_suppkey
WHERE n_name = 'CANADA'
ORDER BY s_name
