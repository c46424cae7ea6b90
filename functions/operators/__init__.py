"""The operators Lambda handler: every request but those that change what is deployed."""
