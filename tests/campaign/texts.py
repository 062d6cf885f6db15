"""Bad CSV files, consent files, params and HTTP bodies."""

import base64
import json

from tests.campaign.images import IMAGES, Rng

WORDS = ["", "a", "anna", "1.png", "anna/good.png", "*", "2030-01-01", "05/06/2030", '"', '""', "x" * 200_000, "\0", "\n", "é",
         "=1+1", "\ufeff", "../../etc/passwd", "nan", "-1", "1e999", "null", "train", "test"]  # fmt: skip


def csv_bytes(rng: Rng, columns: list[str]) -> bytes:
    """Rows in a random dialect and encoding, with missing, additional and odd values."""
    if rng.random() < 0.1:
        return rng.bytes(int(rng.integers(0, 400)))
    names = [str(name) for name in rng.permutation([*columns, "mood"])]
    if rng.random() < 0.15:
        names.pop()
    delimiter = str(rng.choice([",", ";", "\t", "|"]))
    rows = [names]
    for _ in range(int(rng.integers(0, 8))):
        rows.append([str(rng.choice(WORDS)) for _ in range(int(rng.integers(0, len(names) + 2)))])
    text = str(rng.choice(["\n", "\r\n", "\r"])).join(delimiter.join(row) for row in rows)
    return text.encode(str(rng.choice(["utf-8", "utf-8-sig", "utf-16"])))


def params_text(rng: Rng, good: str) -> str:
    """params.yaml with lines removed, repeated, or with other values."""
    lines = good.splitlines()
    for _ in range(int(rng.integers(1, 4))):
        place = int(rng.integers(len(lines)))
        name = lines[place].split(":")[0]
        odd = str(
            rng.choice(
                [
                    "nan",
                    "-1",
                    "[]",
                    "{}",
                    "1e999",
                    "'",
                    "!!python/object:os.system",
                    "&a [*a]",
                    "\x07",
                    "x" * 5000,
                    "true",
                    "~",
                    "2030-01-01",
                ]
            )
        )
        lines[place : place + 1] = [[], [lines[place]] * 2, [f"{name}: {odd}"], [odd]][int(rng.integers(4))]
    return "\n".join(lines)


def http_body(rng: Rng) -> tuple[bytes, str]:
    """Body and content type of a POST for the page."""
    kind = int(rng.integers(5))
    if kind == 0:
        return rng.bytes(int(rng.integers(0, 2000))), "multipart/form-data; boundary=x"
    if kind == 1:
        return json.dumps({"source": 1}).encode(), "application/json"
    fields = list(rng.choice(["source", "template", "other"], int(rng.integers(0, 4))))
    parts = b""
    for field in fields:
        image = IMAGES[str(rng.choice(list(IMAGES)))](rng)
        name = str(rng.choice(["a.png", "../../x", "\u202e", "n" * 3000, ""]))
        parts += (
            f'--x\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'.encode()
            + image
            + b"\r\n"
        )
    return parts + (b"--x--\r\n" if kind < 4 else b""), "multipart/form-data; boundary=x"


def served_fields(rng: Rng) -> dict[str, object]:
    """Fields of a request to the served model."""
    image = base64.b64encode(IMAGES[str(rng.choice(list(IMAGES)))](rng)).decode()
    values: list[object] = [
        image,
        image[: len(image) // 2],
        "",
        "data:image/png;base64," + image,
        "é",
        7,
        None,
        [image],
    ]
    fields: dict[str, object] = {
        "source": values[int(rng.integers(3))],
        "template": values[int(rng.integers(len(values)))],
    }
    if rng.random() < 0.5:
        fields["face"] = str(rng.choice(["one", "all", "0", "999", "-1", "x" * 1000]))
    if rng.random() < 0.3:
        fields["aligned"] = bool(rng.integers(2))
    if rng.random() < 0.2:
        fields["more"] = 1
    return fields


def pick(rng: Rng, options: list[str]) -> str:
    return options[int(rng.integers(len(options)))]
