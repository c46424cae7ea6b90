-- One flight in seven has an aircraft that the register does not know. More than one in five
-- of any fault would be news about the data.
-- severity: warn
FROM quality_summary
WHERE percent_of_flights > 20
