"""The second story: planned runs are sent, and every answer is kept."""
