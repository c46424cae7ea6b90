-- Who in Saudi Arabia alone has kept orders of several suppliers waiting.
WITH by_order AS (
    SELECT
        l_orderkey AS orderkey,
        count(DISTINCT l_suppkey) AS suppliers,
        count(DISTINCT l_suppkey) FILTER (l_receiptdate > l_commitdate) AS late
    FROM lineitem.lineitem
    GROUP BY l_orderkey
)
SELECT s_name, count(*) AS numwait
FROM supplier.supplier
JOIN nation.nation ON n_nationkey = s_nationkey
JOIN lineitem.lineitem ON l_suppkey = s_suppkey
JOIN orders.orders ON o_orderkey = l_orderkey
JOIN by_order ON orderkey = o_orderkey
WHERE
    n_name = 'SAUDI ARABIA'
    AND o_orderstatus = 'F'
    AND l_receiptdate > l_commitdate
    AND suppliers > 1
    AND late = 1
GROUP BY s_name
ORDER BY numwait DESC, s_name
LIMIT 100
