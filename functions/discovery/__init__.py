"""Discovery: what Ripples a package declares."""
