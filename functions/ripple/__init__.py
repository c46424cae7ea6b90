"""The Ripple worker's Lambda handler and task."""
