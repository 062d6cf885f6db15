"""The word list over the code, the tests, the documentation and the help of every command."""

import click
import pytest
from contracts import words

from swapcore.cli import main as cli


def test_no_banned_word() -> None:
    uses = list(words.all_uses())
    assert not uses, "\n".join(f"{use.place}: {use.word}: {use.line}" for use in uses)


def test_no_banned_word_in_the_help_of_a_command() -> None:
    # click keeps the help option of the first context, so this one must have the program's own settings.
    context = click.Context(cli.commands, **cli.commands.context_settings)
    for name in cli.commands.list_commands(context):
        command = cli.commands.get_command(context, name)
        assert command is not None
        text = command.get_help(click.Context(command, parent=context, info_name=name))
        if name in cli.STAGES:  # its summary opens the stage's file, which the test above reads
            text = text.partition("Options:")[2]
        assert not list(words.uses_in(text, name))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("lest it fail", ["lest"]),
        ("load_judge(x)", ["judge"]),
        ("Judged by", ["Judged"]),
        ("key-points and key_point", ["key-points", "key_point"]),
        ("the colour grey, the color gray", ["colour", "grey"]),
        ("so many samples by turns", ["so many", "by turns"]),
        ("latest, understands, allies, besides, adjudged", []),
    ],
)
def test_what_the_list_finds(text: str, found: list[str]) -> None:
    assert [use.word for use in words.uses_in(text, "x.md")] == found


def test_an_allowed_word_is_allowed_in_its_file_only() -> None:
    assert not list(words.uses_in("anonymise", "tests/cli/test_main.py"))
    assert list(words.uses_in("anonymise", "tests/cli/test_log.py"))


def test_exceptions_name_what_exists() -> None:
    assert all((words.ROOT / place).exists() for place in words.ALLOWED)
