"""The vendor's Lambda handler."""
