"""What the suite leaves to chance, so that a seed can bring it back."""

import random


def chance(seed: float) -> random.Random:
    """A source of chance that always says the same after the same seed."""
    return random.Random(seed)  # noqa: S311 - no secret is made of it
