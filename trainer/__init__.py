"""Training handed to Kubeflow Trainer; beside the components, since swapcore knows no orchestrator."""
