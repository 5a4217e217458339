"""Idempotency keys: a POST repeated with its key is done once and gets the same response."""
