"""Known people: what Entra was last sent of each person of a source, and which answers are still owed."""
