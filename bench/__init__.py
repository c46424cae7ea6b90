"""Figures of a local Catchment. They are printed, never judged: ``python -m bench`` runs all,
``python -m bench hop fan`` some.
"""
