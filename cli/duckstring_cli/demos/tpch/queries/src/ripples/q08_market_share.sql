-- Brazil's share of what America buys of one type of part, by year.
WITH sales AS (
    SELECT
        year(o_orderdate) AS o_year,
        seller.n_name AS seller,
        l_extendedprice * (1 - l_discount) AS volume
    FROM part.part
    JOIN lineitem.lineitem ON l_partkey = p_partkey
    JOIN supplier.supplier ON s_suppkey = l_suppkey
    JOIN nation.nation AS seller ON seller.n_nationkey = s_nationkey
    JOIN orders.orders ON o_orderkey = l_orderkey
    JOIN customer.customer ON c_custkey = o_custkey
    JOIN nation.nation AS buyer ON buyer.n_nationkey = c_nationkey
    JOIN region.region ON r_regionkey = buyer.n_regionkey
    WHERE
        p_type = 'ECONOMY ANODIZED STEEL'
        AND r_name = 'AMERICA'
        AND o_orderdate BETWEEN DATE '1995-01-01' AND DATE '1996-12-31'
)
SELECT
    o_year,
    sum(CASE WHEN seller = 'BRAZIL' THEN volume ELSE 0 END) / sum(volume) AS mkt_share
FROM sales
GROUP BY o_year
ORDER BY o_year
