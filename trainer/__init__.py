"""Training handed to Kubeflow Trainer, for whoever has a cluster; stands beside the components, since swapcore knows no orchestrator."""
