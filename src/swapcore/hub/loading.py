"""From a located model to a swapper, ready for inference."""

from swapcore.hub.references import LocatedModel
from swapcore.hub.swapper import Swapper


def load_swapper(model: LocatedModel, device: str = "cpu") -> Swapper:
    """Load a trained model or a built-in swapper.

    Raises:
        ArtifactError: a file is missing or damaged.
        ParamsError: the recognizer's own file is missing or has other bytes.
    """
    if model.place is None:
        from swapcore.hub.warp_swapper import WarpSwapper

        return WarpSwapper(device)
    return Swapper(model.place, device)
