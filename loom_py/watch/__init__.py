"""Watching a model of another library as a network of ours is watched: the same records, events and findings."""
