"""The whole cloud on a laptop: storage, an Entra tenant, the functions host. Never deployed."""
