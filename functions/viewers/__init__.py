"""The viewers Lambda handler: requests that only read."""
