"""A local stub of the Kubernetes API for TrainJobs."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.config import kube_config

RUNTIME = {
    "apiVersion": "trainer.kubeflow.org/v1alpha1",
    "kind": "ClusterTrainingRuntime",
    "metadata": {"name": "torch-distributed", "labels": {"trainer.kubeflow.org/framework": "torch"}},
    "spec": {
        "mlPolicy": {"numNodes": 1, "torch": {}},
        "template": {
            "spec": {
                "replicatedJobs": [
                    {
                        "name": "node",
                        "template": {
                            "metadata": {"labels": {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}},
                            "spec": {"template": {"spec": {"containers": [{"name": "node", "image": "pytorch"}]}}},
                        },
                    }
                ]
            }
        },
    },
}


class Cluster(BaseHTTPRequestHandler):
    """One TrainJob at a time. Each request for it gets the next of `states`; the last one repeats."""

    states: list[str] = []  # noqa: RUF012  # Created | Running | Complete | Failed | 500 | 404
    log: list[str] = []  # noqa: RUF012
    cut_after: int | None = None
    """Lines after which a followed log is cut off."""
    on_follow: Callable[[], None] | None = None
    state = "Created"
    job: dict[str, Any] | None = None
    deleted: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        cluster, path = type(self), self.path.split("?")[0]
        if path.endswith("/clustertrainingruntimes/torch-distributed"):
            return self.answer(RUNTIME)
        if "/trainjobs/" in path:
            cluster.state = cluster.states.pop(0) if len(cluster.states) > 1 else cluster.states[0]
            if cluster.state.isdigit():
                return self.answer({"message": "injected"}, int(cluster.state))
            return self.answer(self.job_now())
        if path.endswith("/log"):
            return self.send_log("follow=True" in self.path)
        if path.endswith("/pods"):
            return self.answer({"kind": "PodList", "apiVersion": "v1", "items": self.pods()})
        return self.answer({"message": "not found"}, 404)

    def do_POST(self) -> None:
        type(self).job = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(self.job, 201)

    def do_DELETE(self) -> None:
        self.deleted.append(self.path.rpartition("/")[2])
        self.answer({"status": "Success"})

    def job_now(self) -> dict[str, Any]:
        assert self.job is not None
        metadata = {**self.job["metadata"], "namespace": "team", "creationTimestamp": "2026-01-01T00:00:00Z"}
        ended = self.state in {"Complete", "Failed"}
        condition = {"type": self.state, "status": "True", "reason": "r", "message": "m"}
        status = {"conditions": [{**condition, "lastTransitionTime": "2026-01-01T00:00:00Z"}]} if ended else {}
        return {**self.job, "metadata": metadata, "status": status}

    def pods(self) -> list[dict[str, Any]]:
        if self.state == "Created":
            return []
        phase = {"Complete": "Succeeded", "Failed": "Failed"}.get(self.state, "Running")
        labels = {"jobset.sigs.k8s.io/replicatedjob-name": "node"}
        return [
            {
                "metadata": {
                    "name": f"pod-{node}",
                    "creationTimestamp": "2026-01-01T00:00:00Z",
                    "labels": {**labels, "batch.kubernetes.io/job-completion-index": str(node)},
                },
                "spec": {"containers": [{"name": "node", "image": "swapcore"}]},
                "status": {"phase": phase},
            }
            for node in range(2)
        ]

    def send_log(self, follow: bool) -> None:
        cluster = type(self)
        if follow and cluster.on_follow:
            cluster.on_follow()
        lines = cluster.log[: cluster.cut_after] if follow else cluster.log
        body = "".join(f"{line}\n" for line in lines).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body) + 10 * (follow and cluster.cut_after is not None)))
        self.end_headers()
        self.wfile.write(body)  # shorter than Content-Length, so the client sees a broken connection

    def answer(self, body: Any, status: int = 200) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Cluster]]:
    """The API, configured by a kubeconfig with the namespace team."""
    handler = type("Fresh", (Cluster,), {"deleted": [], "states": ["Created", "Running", "Complete"]})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    context = {"cluster": "c", "user": "u", "namespace": "team"}
    config = {
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "here", "context": context}],
        "current-context": "here",
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "kubeconfig"))
    yield handler
    server.shutdown()
    server.server_close()
