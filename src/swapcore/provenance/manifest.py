"""Writing and reading of C2PA manifests, offline."""

import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import c2pa
from pydantic import BaseModel, ConfigDict, ValidationError

from swapcore import __version__
from swapcore.errors import InputError, first_line
from swapcore.files import to_text
from swapcore.provenance.credentials import SELF_MADE, Credentials
from swapcore.provenance.facts import Provenance

ANCHORS_VARIABLE = "SWAPCORE_TRUST_ANCHORS"
"""Environment variable: a PEM file of trusted certificates; without it a signature can be valid, but not trusted."""
LABEL = "swapcore.provenance"
COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""IPTC digital source type of a photograph with parts made by a trained model."""
_DESCRIPTIONS = {
    "swapped": "A model put the face of the source onto the template",
    "anonymized": "A model put the face of a rendered person onto the template",
    "video": "A model put the face of the source onto the frames of the template",
}
_OFFLINE = {
    "verify": {"verify_after_sign": False, "remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},  # no image of a person inside the manifest
}


class ModelAssertion(BaseModel):
    """The model in swapcore's assertion; an empty version means a folder."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: str
    digest: str


class IngredientAssertion(BaseModel):
    """An input image in swapcore's assertion."""

    model_config = ConfigDict(frozen=True)

    role: str
    name: str
    sha256: str


class ProvenanceAssertion(BaseModel):
    """swapcore's own assertion, `swapcore.provenance`."""

    model_config = ConfigDict(frozen=True)

    action: str
    model: ModelAssertion
    ingredients: tuple[IngredientAssertion, ...]


@dataclass(frozen=True)
class Manifest:
    """Content and validation of a file's manifest."""

    state: str
    """Trusted: signed by a certificate of SWAPCORE_TRUST_ANCHORS; Valid: unchanged since signed; Invalid: changed or badly signed."""
    problems: tuple[str, ...]
    """C2PA status codes of failed checks, including an untrusted signer."""
    signer: str
    """The organization in the certificate."""
    generator: str
    """Name and version of the program that made the claim."""
    source_type: str | None
    """Last path segment of the IPTC digital source type of its actions."""
    provenance: ProvenanceAssertion | None
    """swapcore's assertion, if present."""

    @property
    def self_made(self) -> bool:
        """Whether the certificate was self-made by swapcore."""
        return self.signer == SELF_MADE


def sign(data: bytes, mime_type: str, provenance: Provenance, credentials: Credentials, *, watermarked: bool) -> bytes:
    """Add a signed manifest to a file.

    Args:
        data: the file's bytes.
        mime_type: of the file.
        provenance: facts to record.
        credentials: sign the manifest.
        watermarked: whether the pixels carry the watermark.

    Returns:
        The bytes of the signed file.

    Raises:
        InputError: C2PA cannot sign with this certificate.
    """
    signed = io.BytesIO()
    information = c2pa.C2paSignerInfo(credentials.algorithm.encode(), credentials.chain, credentials.key, None)
    try:
        builder = c2pa.Builder(manifest_definition(provenance, mime_type, watermarked=watermarked), _context())
        builder.sign(c2pa.Signer.from_info(information), mime_type, io.BytesIO(data), signed)
    except c2pa.C2paError as error:
        raise InputError(
            f"the signing certificate cannot sign C2PA ({first_line(error)}); see docs/responsible-use.md"
        ) from None
    return signed.getvalue()


def read(data: bytes, mime_type: str) -> Manifest | None:
    """Read and validate the manifest of a file's bytes; None if there is none.

    Raises:
        InputError: the file that SWAPCORE_TRUST_ANCHORS names cannot be read.
    """
    return _read(io.BytesIO(data), mime_type)


def read_file(path: Path, mime_type: str) -> Manifest | None:
    """Read and validate the manifest of a large file without holding it in memory; as read."""
    with path.open("rb") as stream:
        return _read(stream, mime_type)


def _read(stream: BinaryIO, mime_type: str) -> Manifest | None:
    context = _context(os.environ.get(ANCHORS_VARIABLE))
    try:
        reader = c2pa.Reader(mime_type, stream, context=context)
    except c2pa.C2paError.ManifestNotFound:
        return None
    except c2pa.C2paError as error:
        return Manifest("Invalid", (first_line(error),), "", "", None, None)
    with reader:
        return summarize(json.loads(reader.json()))


def manifest_definition(provenance: Provenance, mime_type: str, *, watermarked: bool) -> dict[str, Any]:
    """Build the manifest definition for c2pa: ingredients by hash, actions, and swapcore's assertion."""
    agent = {"name": "swapcore", "version": __version__}
    edited = {
        "action": "c2pa.edited",
        "description": _DESCRIPTIONS[provenance.action],
        "digitalSourceType": COMPOSITE,
        "softwareAgent": agent,
        "parameters": {"ingredientIds": [i.role for i in provenance.ingredients if i.role == "source"]},
    }
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["template"]}}
    actions = [opened, edited] + (
        [{"action": "c2pa.watermarked.unbound", "softwareAgent": agent}] if watermarked else []
    )
    return {
        "claim_generator_info": [agent],
        "format": mime_type,
        "ingredients": [_ingredient(provenance, place) for place in range(len(provenance.ingredients))],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions}},
            {"label": LABEL, "data": assertion(provenance).model_dump(mode="json")},
        ],
    }


def assertion(provenance: Provenance) -> ProvenanceAssertion:
    """Build swapcore's assertion."""
    model = provenance.model
    return ProvenanceAssertion(
        action=provenance.action,
        model=ModelAssertion(name=model.name, version=model.version or "", digest=model.digest),
        ingredients=tuple(
            IngredientAssertion(role=ingredient.role, name=_title(provenance, place), sha256=ingredient.sha256)
            for place, ingredient in enumerate(provenance.ingredients)
        ),
    )


def _ingredient(provenance: Provenance, place: int) -> dict[str, Any]:
    ingredient = provenance.ingredients[place]
    return {
        "label": ingredient.role,
        "title": _title(provenance, place),
        "relationship": "parentOf" if ingredient.role == "template" else "inputTo",
        "instance_id": f"urn:sha256:{ingredient.sha256}",
    }


def _title(provenance: Provenance, place: int) -> str:
    """Return the ingredient's file name; for anonymized images its role, since a file name may identify the person."""
    ingredient = provenance.ingredients[place]
    return ingredient.role if provenance.action == "anonymized" else to_text(ingredient.name)


def _context(anchors: str | None = None) -> c2pa.Context:
    settings: dict[str, Any] = dict(_OFFLINE)
    if anchors:
        try:
            settings["trust"] = {"trust_anchors": Path(anchors).read_text(encoding="ascii")}
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"{ANCHORS_VARIABLE}={anchors}: cannot be read ({type(error).__name__}); name a PEM file"
            ) from None
    return c2pa.Context(c2pa.Settings.from_dict(settings))


def summarize(document: Any) -> Manifest:
    """Return what swapcore uses of the JSON document that c2pa makes of a manifest; others can write anything into it."""
    root = _object(document)
    active = _object(_object(root.get("manifests")).get(_text(root.get("active_manifest"))))
    assertions = [_object(each) for each in _items(active.get("assertions"))]
    actions = [
        _object(action)
        for each in assertions
        if _text(each.get("label")).startswith("c2pa.actions")
        for action in _items(_object(each.get("data")).get("actions"))
    ]
    sources = [
        _text(action["digitalSourceType"]).rsplit("/", 1)[-1] for action in actions if "digitalSourceType" in action
    ]
    generator = _object(next(iter(_items(active.get("claim_generator_info"))), None))
    own = next((each.get("data") for each in assertions if each.get("label") == LABEL), None)
    return Manifest(
        state=_text(root.get("validation_state")) or "Invalid",
        problems=tuple(_text(_object(status).get("code")) for status in _items(root.get("validation_status"))),
        signer=_text(_object(active.get("signature_info")).get("issuer")),
        generator=f"{_text(generator.get('name')) or 'unknown'} {_text(generator.get('version'))}".strip(),
        source_type=sources[-1] if sources else None,
        provenance=_own_assertion(own),
    )


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _own_assertion(data: Any) -> ProvenanceAssertion | None:
    """Parse swapcore's assertion; None if it is missing or malformed, since others can write the label too."""
    try:
        return ProvenanceAssertion.model_validate(data)
    except ValidationError:
        return None
