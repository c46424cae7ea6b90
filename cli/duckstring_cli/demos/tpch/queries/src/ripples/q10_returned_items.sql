-- The customers who have sent back most, in worth.
SELECT
    c_custkey,
    c_name,
    sum(l_extendedprice * (1 - l_discount)) AS revenue,
    c_acctbal,
    n_name,
    c_address,
    c_phone,
    c_comment
FROM customer.customer
JOIN nation.nation ON n_nationkey = c_nationkey
JOIN orders.orders ON o_custkey = c_custkey
JOIN lineitem.lineitem ON l_orderkey = o_orderkey
WHERE
    l_returnflag = 'R'
    AND o_orderdate >= DATE '1993-10-01'
    AND o_orderdate < DATE '1994-01-01'
GROUP BY ALL
ORDER BY revenue DESC
LIMIT 20
