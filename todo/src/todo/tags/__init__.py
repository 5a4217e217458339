"""Tags: a user's own names and colours for tasks."""
