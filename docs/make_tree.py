"""Writes the README's tree: every file with the sentence that it opens with. `make tree`; a test compares."""

import ast
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- tree: made by `make tree` -->\n```text\n", "```\n<!-- end of tree -->"
OTHERS = {
    "params.yaml": "Every value of the pipeline, one section a stage.",
    "dvc.yaml": "The six stages for one machine.",
    "Makefile": "Every command; `make help` lists them.",
    "constraints.txt": "The exact version of every package.",
    "infra/Dockerfile": "The image in which the stages run on a cluster, CPU or CUDA.",
    "infra/compose.yaml": "MLflow with PostgreSQL, an S3 store and the pipeline's image on one machine.",
    "infra/kustomize": "The same for Kubernetes: base and overlays.",
    "pipelines/training.yaml": "The compiled pipeline, compared by a test.",
    "trainer/train_job.yaml": "How many nodes, of what kind, with which secrets: to be copied and changed.",
}


def sentences() -> dict[str, str]:
    """Path -> opening sentence, for the Python files of the package, components, pipelines, trainer and benchmarks."""
    listed = subprocess.run(
        ["git", "ls-files", "src/swapcore", "components", "pipelines", "trainer", "benchmarks"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    found = {}
    for path in listed:
        if path.endswith(".py") and (text := (ROOT / path).read_text(encoding="utf-8")):
            found[path] = (ast.get_docstring(ast.parse(text)) or "").splitlines()[:1]
    return {path: lines[0] for path, lines in found.items() if lines}


def tree() -> str:
    """The tree as text: folders as headings, files below them."""
    lines, folder = [], None
    for path, sentence in sorted(
        {**OTHERS, **sentences()}.items(), key=lambda item: (str(Path(item[0]).parent), item[0])
    ):
        parent = str(Path(path).parent)
        opening = path.endswith("__init__.py")
        if parent != folder:
            folder = parent
            lines.append(f"{'.' if parent == '.' else parent}/" + (f"   {sentence}" if opening else ""))
        if not opening:
            lines.append(f"    {Path(path).name:20s} {sentence}")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Put the tree between its marks in README.md."""
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    readme.write_text(before + BEGIN + tree() + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
