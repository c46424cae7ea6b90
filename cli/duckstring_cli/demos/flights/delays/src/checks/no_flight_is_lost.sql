-- Each flight of the Source is in facts, or in rejected with a reason.
WITH counts AS (
    SELECT
        (SELECT count(*) FROM flights.flights) AS flights,
        (SELECT count(*) FROM facts) AS facts,
        (SELECT count(*) FROM rejected) AS rejected
)
FROM counts
WHERE flights <> facts + rejected
