"""A drop becomes a plan. Nothing is sent here."""
