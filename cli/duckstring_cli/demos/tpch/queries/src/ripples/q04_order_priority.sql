-- How many orders of a quarter had a line that came late, by priority.
SELECT o_orderpriority, count(*) AS order_count
FROM orders.orders
SEMI JOIN (FROM lineitem.lineitem WHERE l_commitdate < l_receiptdate) AS late
    ON late.l_orderkey = o_orderkey
WHERE o_orderdate >= DATE '1993-07-01' AND o_orderdate < DATE '1993-10-01'
GROUP BY o_orderpriority
ORDER BY o_orderpriority
