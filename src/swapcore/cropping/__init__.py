"""Ingestion of photographs, extraction of aligned faces, and merging of shards."""
