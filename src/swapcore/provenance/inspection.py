"""Reading of the marks of an image file: C2PA manifest and watermark, offline."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swapcore.data.images import MAX_MEGAPIXELS, decode_photograph, read_file
from swapcore.files import printable
from swapcore.provenance import manifest, watermark
from swapcore.provenance.manifest import Manifest, ProvenanceAssertion
from swapcore.provenance.payload import Payload, from_bits

_MIME_TYPES = (
    (b"\x89PNG", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"RIFF", "image/webp"), (b"GIF8", "image/gif"),
    (b"II*\0", "image/tiff"), (b"MM\0*", "image/tiff"),
)  # fmt: skip
"""First bytes of the formats that can hold a manifest; any format can hold a watermark."""


@dataclass(frozen=True)
class Inspection:
    """The marks of one file."""

    path: Path
    manifest: Manifest | None
    watermark: Payload | None

    @property
    def is_marked(self) -> bool:
        """Whether a mark says that the image is synthetic."""
        return self.manifest is not None or self.watermark is not None

    @property
    def is_broken(self) -> bool:
        """Whether the file was changed after it was signed."""
        return self.manifest is not None and self.manifest.state == "Invalid"


def inspect_file(path: Path) -> Inspection:
    """Read both marks of an image file.

    Raises:
        ImageError: the file cannot be read or is not an image.
    """
    return inspect_bytes(read_file(path), path)


def inspect_bytes(data: bytes, path: Path) -> Inspection:
    """Read both marks of a file's bytes; path is named in errors only."""
    image = decode_photograph(data, path, MAX_MEGAPIXELS)
    reading = watermark.read(image)
    mime_type = next((mime_type for start, mime_type in _MIME_TYPES if data.startswith(start)), None)
    return Inspection(
        path=path,
        manifest=manifest.read(data, mime_type) if mime_type else None,
        watermark=from_bits(reading.payload) if reading else None,
    )


def as_text(inspection: Inspection) -> str:
    """Format the marks as a few lines of text."""
    lines = [printable(str(inspection.path)), f"  manifest   {_format_manifest(inspection.manifest)}"]
    if inspection.manifest is not None and inspection.manifest.state != "Invalid":
        lines += [
            f"  made by    {printable(inspection.manifest.generator)}{_format_source_type(inspection.manifest.source_type)}"
        ]
        lines += _format_provenance(inspection.manifest.provenance)
    return "\n".join([*lines, f"  watermark  {_format_watermark(inspection.watermark)}"])


def as_json(inspection: Inspection) -> dict[str, Any]:
    """Return the marks as a JSON object; missing marks are null."""
    read, found = inspection.manifest, inspection.watermark
    return {
        "file": str(inspection.path),
        "manifest": read
        and {
            "state": read.state,
            "signer": read.signer,
            "self_made": read.self_made,
            "problems": list(read.problems),
            "generator": read.generator,
            "digital_source_type": read.source_type,
            "provenance": read.provenance and read.provenance.model_dump(mode="json"),
        },
        "watermark": found and {"action": found.action, "model": found.model},
    }


def _format_manifest(read: Manifest | None) -> str:
    if read is None:
        return "none"
    if read.state == "Invalid":
        return f"INVALID: changed after it was signed, or the signature is bad ({printable(', '.join(read.problems))})"
    trust = "trusted" if read.state == "Trusted" else "signer not trusted"
    return f'valid, unchanged since signed by "{printable(read.signer)}" ({trust})'


def _format_source_type(source_type: str | None) -> str:
    return f", {printable(source_type)}" if source_type else ""


def _format_provenance(facts: ProvenanceAssertion | None) -> list[str]:
    if facts is None:
        return []
    version = f" version {facts.model.version}" if facts.model.version else ""
    lines = [f"  what       {facts.action}, model {facts.model.name}{version}, digest {facts.model.digest}"]
    lines += [f"  from       {i.role} {i.name}, sha256 {i.sha256}" for i in facts.ingredients]
    return [printable(line) for line in lines]


def _format_watermark(found: Payload | None) -> str:
    return f"found: swapcore, {found.action}, model digest {found.model}…" if found else "none found"
