"""Promotion and rollback by hand: with a reason, and never to a version whose lineage is broken."""

from pathlib import Path

from swapcore.errors import InputError, LineageError
from swapcore.registry.trace import broken, trace
from swapcore.tracking.versions import (
    CHAMPION,
    Entry,
    Event,
    How,
    before_champion,
    champion_of,
    crown,
    find_entry,
    history_of,
)


def promote_version(name: str, version: str, reason: str, root: Path) -> Event:
    """Make a version the champion.

    Raises:
        InputError: no such version, no reason, or it is the champion already.
        LineageError: a link of its lineage is broken.
        TrackingError: the registry could not be reached.
    """
    entry = find_entry(name, version)
    if CHAMPION in entry.aliases:
        raise InputError(f"models:/{name}: version {entry.version} is the champion already")
    return _crowned(entry, "promote", reason, root)


def roll_back(name: str, reason: str, root: Path) -> Event:
    """Make the champion's predecessor champion again.

    Raises:
        InputError: there is no champion, or none before it.
        LineageError, TrackingError: as promote_version.
    """
    champion = champion_of(name)
    if champion is None:
        raise InputError(f"models:/{name}: has no champion to roll back; see swapcore promote")
    before = before_champion(history_of(name))
    if before is None:
        raise InputError(f"models:/{name}: version {champion.version} is the first champion; promote another instead")
    return _crowned(find_entry(name, before), "rollback", reason, root)


def _crowned(entry: Entry, how: How, reason: str, root: Path) -> Event:
    if not reason.strip():
        raise InputError("--reason: is empty; say why, for those who come later")
    holes = broken(trace(entry, root))
    if holes:
        raise LineageError(
            f"models:/{entry.name}/{entry.version}: not made champion, its lineage is broken: {'; '.join(holes)}"
        )
    return crown(entry, how, reason.strip())
