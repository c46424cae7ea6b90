"""Data contracts of Ponds, as documents of the Open Data Contract Standard (ODCS)."""
