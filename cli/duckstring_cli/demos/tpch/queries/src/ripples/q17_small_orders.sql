-- What a year would lose without the small orders of one kind of part.
WITH usual AS (
    SELECT l_partkey AS partkey, 0.2 * avg(l_quantity) AS little
    FROM lineitem.lineitem
    GROUP BY l_partkey
)
SELECT sum(l_extendedprice) / 7.0 AS avg_yearly
FROM lineitem.lineitem
JOIN part.part ON p_partkey = l_partkey
JOIN usual ON partkey = p_partkey
WHERE p_brand = 'Brand#23' AND p_container = 'MED BOX' AND l_quantity < little
