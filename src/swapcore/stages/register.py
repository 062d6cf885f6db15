"""The register stage: an evaluated model in the MLflow registry."""

import logging

from swapcore.config import InputPath, OutputPath, RegisterParams
from swapcore.registry.bounds import outside_bounds
from swapcore.registry.gate import Decision
from swapcore.registry.registration import (
    decide_promotion,
    read_candidate,
    register,
    require_clean_checkout,
    write_registration,
)
from swapcore.tracking.versions import CHAMPION, log_folder

_log = logging.getLogger(__name__)


def run(params: RegisterParams, *, model: InputPath, report: InputPath, registration: OutputPath) -> dict[str, float]:
    """Register a model, and make it the champion if the gate decides so.

    Args:
        params: the section register.
        model: the model artifact.
        report: the report about this model.
        registration: the artifact to write: registration.json (name, version, run), decision.json, and the report's page with
            the decision.

    Returns:
        register/version, 0 for a model outside register.bounds, which is not registered; register/champion, 1 or 0.

    Raises:
        ArtifactError: an input is missing or damaged, or the report is about another model.
        ParamsError: bounds or gate name a metric that does not exist.
        InputError: the code has uncommitted changes, or the training used such code.
        TrackingError: the registry rejected a request or cannot be reached.
    """
    candidate = read_candidate(params, model, report)
    outside = outside_bounds(candidate.evaluated.metrics, params.bounds)
    if outside:
        decision = Decision("refused", "; ".join(outside))
        _log.warning("not registered: %s", decision.reason)
        write_registration(registration, candidate, None, decision, None)
        return {"register/version": 0.0, "register/champion": 0.0}
    require_clean_checkout(candidate)
    entry = register(candidate)
    decision, champion = decide_promotion(candidate, entry)
    _log.info("registered %s version %s as %s: %s", entry.name, entry.version, decision.outcome, decision.reason)
    write_registration(registration, candidate, entry, decision, champion)
    # Replaces evaluate's page of the same name, which does not show the champion.
    log_folder(entry.run_id, registration, "")
    return {"register/version": float(entry.version), "register/champion": float(decision.outcome == CHAMPION)}
