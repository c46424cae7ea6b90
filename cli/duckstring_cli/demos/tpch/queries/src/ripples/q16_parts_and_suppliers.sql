-- How many suppliers without complaints sell parts of some sizes.
SELECT p_brand, p_type, p_size, count(DISTINCT ps_suppkey) AS supplier_cnt
FROM partsupp.partsupp
JOIN part.part ON p_partkey = ps_partkey
ANTI JOIN (FROM supplier.supplier WHERE s_comment LIKE '%Customer%Complaints%') AS blamed
    ON s_suppkey = ps_suppkey
WHERE
    p_brand <> 'Brand#45'
    AND p_type NOT LIKE 'MEDIUM POLISHED%'
    AND p_size IN (3, 9, 14, 19, 23, 36, 45, 49)
GROUP BY ALL
ORDER BY supplier_cnt DESC, p_brand, p_type, p_size
