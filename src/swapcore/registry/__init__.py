"""Model registry: gate, model card, lineage, promotion and rollback."""
