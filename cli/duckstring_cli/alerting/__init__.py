"""Alerts: rules of the Catchment's bus, and where they send pages. EventBridge and SNS deliver."""
