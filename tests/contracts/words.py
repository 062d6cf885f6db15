"""Words that this project does not use, and where they occur; `python tests/contracts/words.py` counts them."""

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
SUFFIXES = {".py", ".md", ".yaml", ".toml", ".j2", ".html", ".js", ".css", ".example", ".sh", ".cff", ""}

BANNED = {
    # archaic or literary
    "anew": "again", "lest": "so that ... not", "whom": "rephrase", "whoever": "anyone who", "whichever": "either, any",
    "nobody": "no one, or rephrase", "somebody": "someone, or rephrase", "beforehand": "first", "wherein": "in which",
    "borne": "tolerated", "overlook(s|ed|ing)?": "miss", "stands": "is", "lies": "is", "told": "given, logged",
    "beside": "next to, with", "so many": "N, at most N", "by turns": "alternately", "a row a": "one row per",
    "a line a": "one line per", "a folder a": "one folder per",
    # one word for one thing
    "judge[sd]?|judging": "evaluate, evaluator", "crown(s|ed|ing)?": "promote", "learners?": "TrainState",
    "courier": "uploader", "key[ _-]?points?": "landmarks", "rate_share": "lr_scale", "stand_watch": "check_health",
    "plays_adversary": "use_discriminator",
    # US spelling
    "colou?rs?(?<=our|urs)": "color", "grey": "gray", "centre[sd]?": "center", "recognis(e[dr]?s?|ing)": "recognize",
    "normalis(e[dr]?s?|ing|ation)": "normalize", "anonymis(e[dr]?s?|ing|ation)": "anonymize", "labelled": "labeled",
    "behaviour": "behavior",
}  # fmt: skip
"""Pattern to plain word; part D of the project's language rules."""

ALLOWED = {
    "tests/contracts/words.py": ".*",
    "tests/contracts/test_words.py": ".*",
    "LICENSE": ".*",
    "src/swapcore/cli/main.py": "anonymise",
    "CHANGELOG.md": "anonymise",
    "tests/hub/test_old_models.py": "recogniser",
    "src/swapcore/data/recognizer_file.py": "recogniser",
    "tests/cli/test_main.py": "anonymise",
    "src/swapcore/synth": "crown",
    "tests/synth": "crown",
}
"""File or folder to the pattern of words that it may use: quotations, names of other projects, anatomy."""

_PATTERN = re.compile(rf"(?<![a-z])({'|'.join(f'(?:{word})' for word in BANNED)})(?![a-z])", re.IGNORECASE)


class Use(NamedTuple):
    """One occurrence."""

    place: str
    """path:line"""
    word: str
    line: str


def uses_in(text: str, path: str) -> Iterator[Use]:
    """Occurrences in a text; words inside names (load_judge) count too."""
    patterns = [words for place, words in ALLOWED.items() if is_below(path, (place,))]
    allowed = re.compile("|".join(patterns) or r"(?!)", re.IGNORECASE)
    for number, line in enumerate(text.splitlines(), 1):
        for found in _PATTERN.finditer(line):
            if not allowed.fullmatch(found[0]):
                yield Use(f"{path}:{number}", found[0], line.strip())


def project_files() -> list[str]:
    """Text files that are committed or about to be, relative to the root."""
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return [name for name in listed if (ROOT / name).is_file() and Path(name).suffix in SUFFIXES]


def is_below(path: str, places: tuple[str, ...]) -> bool:
    """Whether a path is one of the places or in one of them."""
    return any(path == place or path.startswith(f"{place}/") for place in places)


def all_uses() -> Iterator[Use]:
    """Occurrences in the whole project."""
    for name in project_files():
        yield from uses_in((ROOT / name).read_text(encoding="utf-8"), name)


if __name__ == "__main__":
    found = list(all_uses())
    folders = Counter("/".join(use.place.partition(":")[0].split("/")[:3]) for use in found)
    for place, count in folders.most_common():
        print(f"{count:5d}  {place}")
    print(f"{len(found):5d}  in all")
