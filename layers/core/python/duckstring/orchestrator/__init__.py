"""The orchestrator: letters to a line come in, its state is stepped, and what follows is done in
the world.
"""
