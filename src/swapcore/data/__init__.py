"""Files and artifacts: manifests, faces, groups, shards, lineage."""
