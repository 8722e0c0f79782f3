"""Planned runs are sent, and every answer is kept."""
