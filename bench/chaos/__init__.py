"""The fault campaign: what may die, dies, on the deployed stack of a local Catchment; then
everything is looked at.
"""
