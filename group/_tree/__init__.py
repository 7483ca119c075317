"""What runs below one group: the supervised actors, and the turns of its shards."""
