"""`swapcore lineage`, `promote` and `rollback`: where a registered version comes from, and who is champion."""

from pathlib import Path

import click

NAME = click.option("--name", help="the registered model; by default register.model_name of params.yaml")
REASON = click.option("--reason", required=True, help="why, for those who come later; kept as a tag")
ROOT = click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path(),
    help="the project's folder: artifacts, photographs, git and DVC's cache below it are checked; by default this one",
)


def _named(name: str | None, root: Path) -> str:
    from swapcore.config import read_params

    return name or read_params(root / "params.yaml").register.model_name


@click.command()
@click.argument("version", required=False)
@click.option("--person", help="instead: the datasets and models that hold photographs of this person")
@NAME
@ROOT
def lineage(version: str | None, person: str | None, name: str | None, root: Path) -> None:
    """Where a registered version (a number, or an alias) comes from, every hash taken anew; exit code 6 if a link is broken."""
    if (version is None) == (person is None):
        raise click.UsageError("give a VERSION, or --person ID")
    if person is not None:
        from swapcore.registry.withdrawal import holders, render_holders

        click.echo(render_holders(person, holders(person, root)))
        return
    from swapcore.errors import LineageError
    from swapcore.registry.trace import broken, render, trace
    from swapcore.tracking.versions import find_entry

    entry = find_entry(_named(name, root), str(version))
    links = trace(entry, root)
    click.echo(render(entry, links))
    holes = broken(links)
    if holes:
        raise LineageError(f"version {entry.version}: {len(holes)} broken: {'; '.join(holes)}")


@click.command()
@click.argument("version")
@REASON
@NAME
@ROOT
def promote(version: str, reason: str, name: str | None, root: Path) -> None:
    """Make a version the champion by hand, whatever the gate said; refused while a link of its lineage is broken."""
    from swapcore.registry.promote import promote_version

    event = promote_version(_named(name, root), version, reason, root)
    click.echo(f"champion: version {event.version}, in the place of {event.replaced or 'none'}")


@click.command()
@REASON
@NAME
@ROOT
def rollback(reason: str, name: str | None, root: Path) -> None:
    """Make the champion's predecessor champion again; refused while a link of its lineage is broken."""
    from swapcore.registry.promote import roll_back

    event = roll_back(_named(name, root), reason, root)
    click.echo(f"champion: version {event.version}, in the place of {event.replaced or 'none'}")
