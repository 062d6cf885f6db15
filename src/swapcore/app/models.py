"""The fixed list of models that the page offers, loaded when they are first used."""

import logging
from dataclasses import dataclass

from swapcore.errors import InputError, SwapcoreError
from swapcore.hub.references import BUILTIN, WARP, LocatedModel, resolve_model
from swapcore.inference.image_swapper import Swapper
from swapcore.tracking.versions import CHAMPION

STARTER = f"{BUILTIN}starter"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OfferedModel:
    """One line of the page's list of models."""

    reference: str
    """What the page sends back."""
    label: str
    located: LocatedModel

    @property
    def pinned(self) -> str:
        """Reference of exactly this version: an alias can move while the page is open."""
        is_registered = self.reference.startswith("models:")
        return f"models:/{self.located.name}/{self.located.version}" if is_registered else self.reference

    @property
    def details(self) -> str:
        """Name, version and digest."""
        version = f" version {self.located.version}" if self.located.version else ""
        return f"{self.located.name}{version}, digest {self.located.digest[:12]}…"


class OfferedModels:
    """The given model first, then the built-in ones, then the registry's champion once it is found."""

    def __init__(self, given: str, device: str = "auto") -> None:
        """Load the given model and find the built-in ones.

        Raises:
            InputError: there is no such model.
            ArtifactError: it is damaged.
        """
        self._device = device
        self._swappers: dict[str, Swapper] = {}
        self._offered: dict[str, OfferedModel] = {}
        self._offer(given)
        self._swappers[given] = Swapper(self._offered[given].located, device)
        for builtin in (WARP, STARTER):
            self.offer(builtin)

    @property
    def offered(self) -> list[OfferedModel]:
        """All models in the order of the list."""
        return list(self._offered.values())

    @property
    def given(self) -> OfferedModel:
        """The model that the page was started with."""
        return self.offered[0]

    def offer(self, reference: str) -> None:
        """Add a model to the list; one that cannot be found is left out."""
        try:
            self._offer(reference)
        except SwapcoreError as error:
            _log.debug("not offered: %s", error)

    def choose(self, reference: str) -> OfferedModel:
        """Return a model of the list; an empty reference is the given model.

        Raises:
            InputError: the list has no such model.
        """
        found = self._offered.get(reference or self.given.reference)
        if found is None:
            raise InputError("model: is not offered by this page; choose one of the list")
        return found

    def load(self, model: OfferedModel) -> Swapper:
        """Return the loaded model."""
        if model.reference not in self._swappers:
            self._swappers[model.reference] = Swapper(model.located, self._device)
        return self._swappers[model.reference]

    def _offer(self, reference: str) -> None:
        if reference not in self._offered:
            located = resolve_model(reference)
            self._offered[reference] = OfferedModel(reference, _label(reference, located), located)


def _label(reference: str, located: LocatedModel) -> str:
    if reference == WARP:
        return "Warp (built in)"
    if reference == STARTER:
        return "Starter (built in)"
    if reference.endswith(f"@{CHAMPION}"):
        return f"Champion: {located.name}, version {located.version}"
    return f"{located.name}, version {located.version}" if located.version else located.name
