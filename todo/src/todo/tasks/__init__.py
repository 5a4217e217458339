"""Tasks: what a user has to do; listed, ordered, searched and completed."""
