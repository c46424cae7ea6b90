-- Customers with money and no orders, by the country of their telephone.
WITH candidates AS (
    SELECT *, left(c_phone, 2) AS cntrycode
    FROM customer.customer
    WHERE left(c_phone, 2) IN ('13', '17', '18', '23', '29', '30', '31')
)
SELECT cntrycode, count(*) AS numcust, sum(c_acctbal) AS totacctbal
FROM candidates
ANTI JOIN orders.orders ON o_custkey = c_custkey
WHERE c_acctbal > (SELECT avg(c_acctbal) FROM candidates WHERE c_acctbal > 0)
GROUP BY cntrycode
ORDER BY cntrycode
