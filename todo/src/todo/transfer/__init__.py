"""Export all that an account holds as JSON, and import it, here or elsewhere."""
