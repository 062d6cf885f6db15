"""The code that each stage runs, as dvc.yaml lists it.

`python tests/contracts/import_closure.py` prints it, `--write` (`make deps`) puts it into dvc.yaml, `--check` compares.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
PACKAGE = "swapcore"
NOT_WATCHED = {
    "swapcore.__init__": "the public API, whose imports are lazy",
    "swapcore.stages.__init__": "the list of stages",
    "swapcore.config": "its values are in the stage's `params`",
    "swapcore.errors": "messages do not alter an artifact",
    "swapcore.progress": "progress bars do not alter an artifact",
    "swapcore.launched": "reads torchrun's variables",
    "swapcore.tracking": "records runs in MLflow; an artifact depends on it in `register` only",
}
"""Modules and packages that may change without making a stage stale, with the reason."""
TRACKED_STAGES = {"register"}
"""Stages whose output depends on `tracking`."""


def module_path(name: str) -> Path | None:
    """The file of a module or package of this project, or None for any other name."""
    path = SOURCE.joinpath(*name.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def is_watched(path: Path, stage: str) -> bool:
    """Whether a change of this module makes the stage stale."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    prefixes = {".".join(parts[:length]) for length in range(1, len(parts) + 1)}
    return (stage in TRACKED_STAGES and "swapcore.tracking" in prefixes) or not prefixes & set(NOT_WATCHED)


def imported_names(path: Path) -> Iterator[str]:
    """Dotted names that a module imports anywhere, except for type checkers only."""
    for node in _runtime_nodes(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: this project uses no relative imports"
            yield from (name for alias in node.names for name in (str(node.module), f"{node.module}.{alias.name}"))


def _runtime_nodes(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _runtime_nodes(child)


def closure(stage: str) -> set[Path]:
    """Every watched file that `swapcore <stage>` can import or read, at its start or inside a function."""
    waiting, found = [f"{PACKAGE}.stages.{stage}"], set()
    while waiting:
        name = waiting.pop()
        path = module_path(name)
        if path is None or path in found:
            continue
        waiting += [name.rpartition(".")[0]] * ("." in name)
        if is_watched(path, stage):
            found.add(path)
            waiting += imported_names(path)
    return found | {file for path in found for file in _files_named_in(path)}


def _files_named_in(module: Path) -> Iterator[Path]:
    """Templates and other data that a module opens in its own package."""
    text = module.read_text(encoding="utf-8")
    data = (path for path in module.parent.iterdir() if path.is_file() and path.suffix not in {".py", ".pyc"})
    return (path for path in data if f'"{path.name}"' in text)


def watched_paths(stage: str) -> list[str]:
    """The code entries of `deps`: a package's folder where the closure holds all of it, else its files."""
    return sorted(path.relative_to(ROOT).as_posix() for path in _collapsed(SOURCE / PACKAGE, closure(stage)))


def _collapsed(folder: Path, files: set[Path]) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.is_dir():
            inside = {path for path in files if path.is_relative_to(entry)}
            if inside and inside >= {path for path in entry.rglob("*") if path.is_file() and path.suffix != ".pyc"}:
                yield entry
            else:
                yield from _collapsed(entry, inside)
        elif entry in files and not _is_docstring_only(entry):
            yield entry


def _is_docstring_only(path: Path) -> bool:
    return path.name == "__init__.py" and len(ast.parse(path.read_text(encoding="utf-8")).body) <= 1


def declared(stage: str) -> list[str]:
    """The code entries of `deps` in dvc.yaml."""
    entry = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"][stage]
    return [dep for dep in entry.get("do", entry)["deps"] if dep.startswith("src/")]


def write(stages: Iterable[str]) -> None:
    """Replace the code entries of each stage in dvc.yaml; comments and all other entries stay."""
    from ruamel.yaml import YAML

    path, yaml_file = ROOT / "dvc.yaml", YAML()
    yaml_file.width, yaml_file.preserve_quotes = 1000, True
    yaml_file.indent(mapping=2, sequence=4, offset=2)
    document = yaml_file.load(path.read_text(encoding="utf-8"))
    for stage in stages:
        entry = document["stages"][stage]
        entry = entry.get("do", entry)
        entry["deps"] = [dep for dep in entry["deps"] if not dep.startswith("src/")] + watched_paths(stage)
    with path.open("w", encoding="utf-8") as stream:
        yaml_file.dump(document, stream)


if __name__ == "__main__":
    from swapcore.stages import STAGES

    if sys.argv[1:] == ["--check"]:
        sys.exit(sum(set(declared(stage)) != set(watched_paths(stage)) for stage in STAGES) and "run `make deps`")
    if sys.argv[1:] == ["--write"]:
        write(STAGES)
    for shown in STAGES:
        print(f"{shown}:", *watched_paths(shown), sep="\n  ")
