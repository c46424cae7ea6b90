"""The orchestrator Lambda handler."""
