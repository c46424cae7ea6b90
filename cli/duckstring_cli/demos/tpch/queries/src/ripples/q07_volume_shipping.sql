-- What France and Germany have shipped to each other, by year.
SELECT
    seller.n_name AS supp_nation,
    buyer.n_name AS cust_nation,
    year(l_shipdate) AS l_year,
    sum(l_extendedprice * (1 - l_discount)) AS revenue
FROM lineitem.lineitem
JOIN supplier.supplier ON s_suppkey = l_suppkey
JOIN orders.orders ON o_orderkey = l_orderkey
JOIN customer.customer ON c_custkey = o_custkey
JOIN nation.nation AS seller ON seller.n_nationkey = s_nationkey
JOIN nation.nation AS buyer ON buyer.n_nationkey = c_nationkey
WHERE
    (seller.n_name, buyer.n_name) IN (('FRANCE', 'GERMANY'), ('GERMANY', 'FRANCE'))
    AND l_shipdate BETWEEN DATE '1995-01-01' AND DATE '1996-12-31'
GROUP BY ALL
ORDER BY supp_nation, cust_nation, l_year
