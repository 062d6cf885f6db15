"""Documents compared with the code: links, commands, options, code blocks, make targets."""

import ast
import re
import shlex
from pathlib import Path

import click
import pytest
import yaml

from swapcore.cli.main import commands

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def blocks(page: Path, language: str) -> list[str]:
    return [code for name, code in BLOCK.findall(page.read_text(encoding="utf-8")) if name == language]


def command_lines(page: Path) -> list[list[str]]:
    """Words of each `swapcore …` line, without comments and marks."""
    text = "\n".join(blocks(page, "sh")).replace("\\\n", " ")
    lines = (re.split(r"\s#|;|\||>", line.strip())[0] for line in text.splitlines())
    return [shlex.split(line)[1:] for line in lines if re.match(r"swapcore\s", line)]


@each_page
def test_relative_links_exist(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []


@each_page
def test_commands_and_options_exist(page: Path) -> None:
    context = click.Context(commands)
    for words in command_lines(page):
        command: click.Command | None = commands
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            command = command.get_command(context, words.pop(0))
        assert command is not None, words
        known = {option for param in command.params for option in (*param.opts, *param.secondary_opts)} | {
            "-h",
            "--help",
        }
        used = {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        assert used <= known, f"{command.name}: {sorted(used - known)}"


@each_page
def test_python_blocks_parse(page: Path) -> None:
    for code in blocks(page, "python"):
        ast.parse(code)


@each_page
def test_yaml_blocks_parse(page: Path) -> None:
    for code in blocks(page, "yaml"):
        yaml.safe_load(code)


@each_page
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    used = set(re.findall(r"^make ([a-z-]+)", "\n".join(blocks(page, "sh")), re.MULTILINE))
    used |= set(re.findall(r"`make ([a-z-]+)", page.read_text(encoding="utf-8")))
    assert used <= targets


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@each_page
def test_lines_are_wrapped(page: Path) -> None:
    def is_prose(line: str) -> bool:
        return (
            not line.startswith(("|", "    ", "!", "podman", "(cd", "kubectl", ".venv", "docker", "for "))
            and "](" not in line
        )

    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    assert [line for line in text.splitlines() if len(line) > 125 and is_prose(line)] == []
