"""From a judged model to a version that may be used: the gate, the model card, the lineage, promotion and rollback."""
