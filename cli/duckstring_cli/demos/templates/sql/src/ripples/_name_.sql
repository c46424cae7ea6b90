-- A SELECT in src/ripples/NAME.sql is a Ripple: its rows become the table NAME.
-- $source.$source is the table $source of the Source $source.
SELECT id, day, customer, amount
FROM $from
WHERE amount > 0
ORDER BY id
