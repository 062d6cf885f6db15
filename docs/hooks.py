"""MkDocs hook that fills pages from the code.

`<!-- params -->` becomes one table per section of params.yaml: field, type, bounds, value, meaning. `<!-- metrics -->` becomes
the table of a report's metrics.
"""

import sys
import typing
from pathlib import Path
from typing import Any

import yaml
from annotated_types import Ge, Gt, Le, Lt, MultipleOf
from pydantic import BaseModel
from pydantic.fields import FieldInfo

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))
PARAMS, METRICS = "<!-- params -->", "<!-- metrics -->"
_SIGNS = {
    Ge: ("≥", "ge"),
    Gt: (">", "gt"),
    Le: ("≤", "le"),
    Lt: ("<", "lt"),
    MultipleOf: ("multiple of", "multiple_of"),
}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the markers by the tables."""
    for marker, table in ((PARAMS, params_tables), (METRICS, metrics_table)):
        if marker in markdown:
            markdown = markdown.replace(marker, table())
    return markdown


def metrics_table() -> str:
    """Markdown of every metric of a report: name, unit, which direction is better, meaning."""
    from swapcore.evaluation.summary import METRICS

    rows = [f"| `{item.name}` | {item.unit or '–'} | {item.better} | {item.meaning} |" for item in METRICS]
    return "\n".join(["| metric | unit | better | meaning |", "|---|---|---|---|", *rows])


def params_tables() -> str:
    """Markdown of every section of params.yaml, in the order of the model."""
    from swapcore.config import Params

    values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    return "\n".join(_section(name, field.annotation, values[name], 2) for name, field in Params.model_fields.items())


def _section(name: str, model: Any, values: Any, level: int) -> str:
    lines = [f"{'#' * level} {name}", "", (model.__doc__ or "").strip(), ""]
    nested = []
    rows = []
    for key, field in model.model_fields.items():
        inner = _model_in(field.annotation)
        if inner is not None and isinstance(values.get(key), dict):
            nested.append(_section(f"{name}.{key}", inner, values[key], min(level + 1, 4)))
        else:
            rows.append(
                f"| `{key}` | {_type(field)} | {_bounds(field)} | `{_text(values.get(key))}` | {field.description or ''} |"
            )
    if rows:
        lines += ["| field | type | bounds | value | meaning |", "|---|---|---|---|---|", *rows, ""]
    return "\n".join([*lines, *nested])


def _model_in(annotation: Any) -> type[BaseModel] | None:
    for part in (annotation, *typing.get_args(annotation)):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
    return None


def _type(field: FieldInfo) -> str:
    annotation = field.annotation
    if typing.get_origin(annotation) is typing.Literal:
        return " \\| ".join(f"`{value}`" for value in typing.get_args(annotation))
    text = getattr(annotation, "__name__", "") if isinstance(annotation, type) else str(annotation)
    return text.replace("swapcore.config.", "").replace("typing.", "").replace("|", "\\|")


def _bounds(field: FieldInfo) -> str:
    return ", ".join(
        f"{_SIGNS[type(rule)][0]} {getattr(rule, _SIGNS[type(rule)][1]):g}"
        for rule in field.metadata
        if type(rule) in _SIGNS
    )


def _text(value: Any) -> str:
    return "null" if value is None else yaml.safe_dump(value, default_flow_style=True).strip().removesuffix("\n...")
