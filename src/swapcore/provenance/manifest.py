"""The C2PA manifest of a picture: signed facts in the file about what made it, written and read without any network."""

import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import c2pa
from pydantic import BaseModel, ConfigDict, ValidationError

from swapcore import __version__
from swapcore.errors import InputError, first_line
from swapcore.provenance.credentials import SELF_MADE, Credentials
from swapcore.provenance.facts import Provenance

ANCHORS_VARIABLE = "SWAPCORE_TRUST_ANCHORS"
"""A PEM file with the certificates that `inspect` trusts; without it every signature is valid at best, never trusted."""
LABEL = "swapcore.provenance"
COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""The digital source type of IPTC for a photograph into which a trained model put something."""
_DONE = {
    "swapped": "A model put the face of the source onto the template",
    "anonymized": "A model put the face of a person who does not exist onto the template",
    "video": "A model put the face of the source onto the frames of the template",
}
_OFFLINE = {
    "verify": {"verify_after_sign": False, "remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},  # no picture of anybody inside the manifest
}


class ModelFacts(BaseModel):
    """The model, as swapcore's own assertion names it; an empty version means a folder."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: str
    digest: str


class IngredientFacts(BaseModel):
    """A photograph that went in."""

    model_config = ConfigDict(frozen=True)

    role: str
    name: str
    sha256: str


class Facts(BaseModel):
    """swapcore's own assertion, `swapcore.provenance`."""

    model_config = ConfigDict(frozen=True)

    action: str
    model: ModelFacts
    ingredients: tuple[IngredientFacts, ...]


@dataclass(frozen=True)
class Manifest:
    """What a file's manifest says, and whether the file still is what was signed."""

    state: str
    """Trusted: by a certificate of SWAPCORE_TRUST_ANCHORS; Valid: unchanged since it was signed; Invalid: changed, or badly signed."""
    problems: tuple[str, ...]
    """Codes of C2PA for what failed; that nobody vouches for the signer is one of them."""
    signer: str
    """The organization in the certificate."""
    generator: str
    """Name and version of the program that made the claim."""
    source_type: str | None
    """The last word of the IPTC digital source type of its actions."""
    provenance: Facts | None
    """swapcore's own facts, where swapcore made it."""

    @property
    def self_made(self) -> bool:
        """Whether the certificate says that it was made on first use."""
        return self.signer == SELF_MADE


def sign(data: bytes, mime_type: str, provenance: Provenance, credentials: Credentials, *, watermarked: bool) -> bytes:
    """The file's bytes with a manifest in it.

    Raises:
        InputError: the certificate is not one that C2PA can sign with.
    """
    signed = io.BytesIO()
    information = c2pa.C2paSignerInfo(credentials.algorithm.encode(), credentials.chain, credentials.key, None)
    try:
        builder = c2pa.Builder(describe(provenance, mime_type, watermarked=watermarked), _context())
        builder.sign(c2pa.Signer.from_info(information), mime_type, io.BytesIO(data), signed)
    except c2pa.C2paError as error:
        raise InputError(
            f"the signing certificate cannot sign C2PA ({first_line(error)}); docs/responsible-use.md"
        ) from None
    return signed.getvalue()


def read(data: bytes, mime_type: str) -> Manifest | None:
    """The manifest of a file's bytes, checked against them; None where there is none.

    Raises:
        InputError: SWAPCORE_TRUST_ANCHORS names no readable file.
    """
    context = _context(os.environ.get(ANCHORS_VARIABLE))
    try:
        reader = c2pa.Reader(mime_type, io.BytesIO(data), context=context)
    except c2pa.C2paError.ManifestNotFound:
        return None
    except c2pa.C2paError as error:
        return Manifest("Invalid", (first_line(error),), "", "", None, None)
    with reader:
        return _summary(json.loads(reader.json()))


def describe(provenance: Provenance, mime_type: str, *, watermarked: bool) -> dict[str, Any]:
    """The manifest's definition, as c2pa takes it: ingredients by hash, actions, and swapcore's own facts."""
    agent = {"name": "swapcore", "version": __version__}
    edited = {
        "action": "c2pa.edited",
        "description": _DONE[provenance.action],
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
            {"label": LABEL, "data": facts(provenance).model_dump(mode="json")},
        ],
    }


def facts(provenance: Provenance) -> Facts:
    """swapcore's own assertion."""
    model = provenance.model
    return Facts(
        action=provenance.action,
        model=ModelFacts(name=model.name, version=model.version or "", digest=model.digest),
        ingredients=tuple(
            IngredientFacts(role=ingredient.role, name=_title(provenance, place), sha256=ingredient.sha256)
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
    """The ingredient's file name, unless it could tell who was anonymized."""
    ingredient = provenance.ingredients[place]
    return ingredient.role if provenance.action == "anonymized" else ingredient.name


def _context(anchors: str | None = None) -> c2pa.Context:
    settings: dict[str, Any] = dict(_OFFLINE)
    if anchors:
        try:
            settings["trust"] = {"trust_anchors": Path(anchors).read_text(encoding="ascii")}
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{ANCHORS_VARIABLE}={anchors}: cannot be read ({type(error).__name__})") from None
    return c2pa.Context(c2pa.Settings.from_dict(settings))


def _summary(document: dict[str, Any]) -> Manifest:
    active = document["manifests"][document["active_manifest"]]
    assertions = {assertion["label"]: assertion["data"] for assertion in active.get("assertions", [])}
    actions = [
        a for label, data in assertions.items() if label.startswith("c2pa.actions") for a in data.get("actions", [])
    ]
    sources = [action["digitalSourceType"].rsplit("/", 1)[-1] for action in actions if "digitalSourceType" in action]
    generator = (active.get("claim_generator_info") or [{}])[0]
    return Manifest(
        state=document.get("validation_state", "Invalid"),
        problems=tuple(status["code"] for status in document.get("validation_status", [])),
        signer=active.get("signature_info", {}).get("issuer", ""),
        generator=f"{generator.get('name', 'unknown')} {generator.get('version', '')}".strip(),
        source_type=sources[-1] if sources else None,
        provenance=_own_facts(assertions.get(LABEL)),
    )


def _own_facts(data: Any) -> Facts | None:
    """The facts of an assertion that bears our label, which anybody can write, and write wrongly."""
    try:
        return Facts.model_validate(data)
    except ValidationError:
        return None
