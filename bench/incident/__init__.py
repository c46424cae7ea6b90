"""An incident exercise: a Catchment of twenty Ponds, with faults that somebody is to find."""
