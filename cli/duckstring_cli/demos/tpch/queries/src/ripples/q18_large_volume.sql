-- The customers with the largest orders.
WITH large AS (
    SELECT l_orderkey, sum(l_quantity) AS quantity
    FROM lineitem.lineitem
    GROUP BY l_orderkey
    HAVING sum(l_quantity) > 300
)
SELECT c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice, quantity
FROM customer.customer
JOIN orders.orders ON o_custkey = c_custkey
JOIN large ON l_orderkey = o_orderkey
ORDER BY o_totalprice DESC, o_orderdate
LIMIT 100
