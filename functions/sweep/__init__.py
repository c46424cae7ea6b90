"""The sweep Lambda handler."""
