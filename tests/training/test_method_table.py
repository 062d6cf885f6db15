"""docs/explanation/method.md against the code: every file and every test that it names exists."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/explanation/method.md").read_text(encoding="utf-8")
ROWS = [line.split("|") for line in TEXT.splitlines() if re.match(r"\|\s*\d", line)]
NAMED_FILES = sorted(set(re.findall(r"`(src/[\w/]+\.py)`", TEXT)))
NAMED_TESTS = sorted(set(re.findall(r"`(tests/[\w/]+\.py(?:::\w+)?)`", TEXT)))


def test_every_claim_has_a_row() -> None:
    claims: set[int] = set()
    for row in ROWS:
        for part in row[1].split(","):
            first, _, last = part.strip().partition("-")
            claims |= set(range(int(first), int(last or first) + 1))
    assert claims == set(range(1, 21))


def test_every_row_names_a_file_and_a_test() -> None:
    assert all("`src/" in row[3] and "`tests/" in row[4] for row in ROWS)


@pytest.mark.parametrize("name", NAMED_FILES)
def test_the_named_file_exists(name: str) -> None:
    assert (ROOT / name).is_file()


@pytest.mark.parametrize("name", NAMED_TESTS)
def test_the_named_test_exists(name: str) -> None:
    file, _, function = name.partition("::")
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert function in functions if function else functions
