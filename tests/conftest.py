"""What all tests share."""

from hypothesis import settings

# No test judges by the clock: machines that are shared are slow at times.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
