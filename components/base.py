"""What every component shares: the decorator with the image, which holds swapcore, components and kfp already."""

import os
from functools import partial

from kfp import dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Markdown, Metrics, Model, Output  # noqa: F401  # for components

from swapcore import __version__

# Part of every task's cache key: a new version under a new tag runs anew. kfp wants "python" in it for local runs.
IMAGE = os.environ.get("SWAPCORE_IMAGE", f"swapcore-python:{__version__}")
component = partial(dsl.component, base_image=IMAGE, install_kfp_package=False)
