"""Idempotency keys: a POST that comes again with its key is done once and answered alike."""
