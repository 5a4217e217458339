"""Tasks: what a user has to do, found, ordered, searched and ticked off."""
