"""The evaluate stage: metrics and report of a model."""

from swapcore.config import EvaluateParams, InputPath, OutputPath
from swapcore.data.artifact import SPEED, artifact_digest, building
from swapcore.evaluation.baselines import find_champion_model, model_and_baselines
from swapcore.evaluation.evaluator import build_evaluator, describe_photographs, read_truth
from swapcore.evaluation.findings import evaluate_methods
from swapcore.evaluation.inputs import read_inputs
from swapcore.evaluation.pairs import draw_pairs
from swapcore.evaluation.report_card import credit, provenance_table, stage_params, write_report_card
from swapcore.evaluation.report_files import PAGE, SHEET, read_losses, write_json, write_report
from swapcore.evaluation.speed import measure_speed
from swapcore.tracking import MODEL_TAG, track

LOSSES = "losses.csv"


def run(params: EvaluateParams, *, faces: InputPath, model: InputPath, report: OutputPath) -> dict[str, float]:
    """Evaluate a model on people of the test split.

    Args:
        params: the section evaluate.
        faces: the faces artifact from which the model was made.
        model: the model artifact.
        report: the report artifact to write.

    Returns:
        All metrics of metrics.json and speed.json.

    Raises:
        ArtifactError: faces or model are missing or damaged, or the test split has fewer than two people.
        ParamsError: a device or recognizer that is not available.
    """
    with building(report) as folder:
        inputs = read_inputs(params, faces, model)
        pairs = draw_pairs(
            inputs.faces.rows,
            pairs_per_template=params.pairs_per_template,
            max_pairs=params.max_pairs,
            seed=params.seed,
        )
        truth = read_truth(inputs)
        champion, missing = find_champion_model(params.champion)
        methods, notes = model_and_baselines(inputs, truth, champion, pairs)
        evaluator = build_evaluator(inputs, truth)
        photographs = describe_photographs(inputs, evaluator.levels)
        findings = evaluate_methods(methods, pairs, inputs.faces.rows, evaluator, photographs, params)
        speed = measure_speed(methods[0].swap, inputs.face(pairs[0].template), params.batch_size)
        write_report(
            folder,
            findings,
            methods,
            evaluator,
            params,
            losses=read_losses(model / LOSSES),
            facts=provenance_table(inputs, evaluator.recognizer, champion),
            credit=credit(inputs),
            stages=stage_params(inputs),
            notes=notes + missing,
        )
        write_json(folder / SPEED, speed)
        write_report_card(folder, inputs, findings, evaluator.recognizer, champion)
    metrics = {**findings.metrics, **speed}
    # Added to the run that trained this model; a model from elsewhere gets a new run.
    with track("evaluate", {MODEL_TAG: artifact_digest(model)}, resume="any") as tracker:
        tracker.log_params("evaluate", params)
        tracker.log_dataset("faces", faces, artifact_digest(faces), "evaluation")
        tracker.log_metrics(metrics, 0)
        tracker.log_file(report / PAGE)
        tracker.log_file(report / SHEET)
    return metrics
