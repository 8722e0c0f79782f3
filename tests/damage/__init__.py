"""Everything that is stored, answered or set is damaged in turn, while a second source works."""
