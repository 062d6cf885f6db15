"""Distributed training by Kubeflow Trainer."""
