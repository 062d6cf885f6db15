"""From photographs to the faces artifact: what each photograph tells alone, shard by shard, and what only all of them tell."""
