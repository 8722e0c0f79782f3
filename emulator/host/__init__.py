"""The Functions host on a laptop: Microsoft's own worker library drives function_app.py."""
