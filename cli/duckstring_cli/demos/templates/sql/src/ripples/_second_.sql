-- This one reads what $name.sql writes, so it runs after it.
SELECT day, count(*) AS rows, round(sum(amount), 2) AS amount
FROM $own
GROUP BY day
ORDER BY day
