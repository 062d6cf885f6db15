"""`builtin:warp`: a swapper that needs no training."""

import hashlib
from typing import Final

import numpy as np
import torch

from swapcore.errors import ArtifactError, FaceError
from swapcore.faces.align import template_points
from swapcore.faces.dlib_mean import DLIB_MEAN
from swapcore.faces.mesh.files import ATTENTION_MESH, missing_reason
from swapcore.faces.mesh.find import landmarks_at, landmarks_in_box
from swapcore.faces.mesh.landmarker import VIEW_PX as MESH_PX
from swapcore.hub.swapper import Batch, center_embeddings
from swapcore.ops.geometry import Points
from swapcore.ops.image import Image
from swapcore.warp.dense import dense_warp

BUILTIN_WARP: Final = "builtin:warp"
VERSION: Final = "1"
"""Changes whenever the warp's output does."""
