"""`swapcore lineage`, `promote` and `rollback`: the versions of a registered model."""

from pathlib import Path

import click

from swapcore.cli.options import Command

NAME = click.option("--name", help="The registered model; by default register.model_name of params.yaml.")
REASON = click.option("--reason", required=True, help="Why; stored as a tag of the version.")
ROOT = click.option(
    "--root", type=click.Path(path_type=Path, file_okay=False, exists=True), default=Path(),
    help="The project's folder, whose artifacts, images, git history and DVC cache are checked; by default this folder.",
)  # fmt: skip


def _model_name(name: str | None, root: Path) -> str:
    from swapcore.config import read_params

    return name or read_params(root / "params.yaml").register.model_name


@click.command(cls=Command)
@click.argument("version", required=False)
@click.option("--person", help="Instead of a version: list the datasets and models that contain images of this person.")
@NAME
@ROOT
def lineage(version: str | None, person: str | None, name: str | None, root: Path) -> None:
    """Trace a registered VERSION (a number or an alias) to its data, code and report, and verify every hash.

    Exit code 6 if a link is broken.
    """
    if (version is None) == (person is None):
        raise click.UsageError("give a VERSION, or --person ID")
    if person is not None:
        from swapcore.registry.withdrawal import holders, render_holders

        click.echo(render_holders(person, holders(person, root)))
        return
    from swapcore.errors import LineageError
    from swapcore.registry.trace import broken, render, trace
    from swapcore.tracking.versions import find_model_version

    entry = find_model_version(_model_name(name, root), str(version))
    links = trace(entry, root)
    click.echo(render(entry, links))
    broken_links = broken(links)
    if broken_links:
        raise LineageError(f"version {entry.version}: {len(broken_links)} broken links: {'; '.join(broken_links)}")


@click.command(cls=Command)
@click.argument("version")
@REASON
@NAME
@ROOT
def promote(version: str, reason: str, name: str | None, root: Path) -> None:
    """Make VERSION the champion by hand, whatever the gate decided; its lineage must be intact."""
    from swapcore.registry.promote import promote_version

    event = promote_version(_model_name(name, root), version, reason, root)
    click.echo(f"champion: version {event.version}; before: {event.replaced or 'none'}")


@click.command(cls=Command)
@REASON
@NAME
@ROOT
def rollback(reason: str, name: str | None, root: Path) -> None:
    """Make the previous champion the champion again; its lineage must be intact."""
    from swapcore.registry.promote import roll_back

    event = roll_back(_model_name(name, root), reason, root)
    click.echo(f"champion: version {event.version}; before: {event.replaced or 'none'}")
