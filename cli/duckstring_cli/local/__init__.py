"""A Catchment on this machine: the same stack, deployed into an AWS emulator by the same CDK."""
