"""Manual promotion and rollback with a reason and intact lineage."""

from pathlib import Path

from swapcore.errors import InputError, LineageError
from swapcore.registry.trace import broken, trace
from swapcore.tracking.versions import (
    CHAMPION,
    ChampionChange,
    How,
    ModelVersion,
    champion_history,
    find_champion,
    find_model_version,
    previous_champion,
    set_champion,
)


def promote_version(name: str, version: str, reason: str, root: Path) -> ChampionChange:
    """Make a version the champion.

    Args:
        name: the registered model.
        version: number or alias.
        reason: stored with the change.
        root: the project's folder, for the lineage check.

    Raises:
        InputError: no such version, no reason, or it is the champion already.
        LineageError: a link of its lineage is broken.
        TrackingError: the registry cannot be reached.
    """
    entry = find_model_version(name, version)
    if CHAMPION in entry.aliases:
        raise InputError(f"models:/{name}: version {entry.version} is the champion already")
    return _promote(entry, "promote", reason, root)


def roll_back(name: str, reason: str, root: Path) -> ChampionChange:
    """Make the previous champion the champion again.

    Raises:
        InputError: there is no champion, or no previous one.
        LineageError: as in promote_version.
        TrackingError: as in promote_version.
    """
    champion = find_champion(name)
    if champion is None:
        raise InputError(f"models:/{name}: no champion to roll back; see swapcore promote")
    before = previous_champion(champion_history(name))
    if before is None:
        raise InputError(f"models:/{name}: version {champion.version} is the first champion; promote another instead")
    return _promote(find_model_version(name, before), "rollback", reason, root)


def _promote(entry: ModelVersion, how: How, reason: str, root: Path) -> ChampionChange:
    if not reason.strip():
        raise InputError("--reason: must not be empty; give the reason of the change")
    holes = broken(trace(entry, root))
    if holes:
        raise LineageError(
            f"models:/{entry.name}/{entry.version}: not promoted, its lineage is broken: {'; '.join(holes)}"
        )
    return set_champion(entry, how, reason.strip())
