"""Commands beside the stages, a file a group; each imports what is heavy only when it runs."""
