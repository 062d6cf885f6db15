"""What tests of several packages share: a configuration folder that is not the user's, and a bucket."""

from collections.abc import Iterator

import pytest

pytest_plugins = ["tests.model_fixtures"]


FIRST = (
    "tests/integration/test_dvc.py",  # makes the workspace that others copy, and the machine code of the renderer
    "tests/stages/test_groups.py",
    "tests/integration/test_pipeline_local.py",
    "tests/training/test_gpu_script.py",
    "tests/integration/test_killed.py",
    "tests/training/test_train_processes.py",
    "tests/anonymization/test_folder.py",
    "tests/test_rounds.py",
    "tests/integration/test_two_commands.py",
    "tests/integration/test_wheel.py",
)
"""The longest files: at the end one of two processes would wait for the other. The second one needs neither the workspace nor
the renderer."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {name: number for number, name in enumerate(FIRST)}
    items.sort(key=lambda item: place.get(item.location[0], len(place)))


@pytest.fixture(autouse=True, scope="session")
def configuration_folder(tmp_path_factory: pytest.TempPathFactory):
    """Keep the self-made signing certificate among the tests' own files, for the commands that they start too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SWAPCORE_CONFIG", str(tmp_path_factory.getbasetemp() / "swapcore-config"))
        yield


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of a real S3 server on loopback."""
    import boto3  # slow to import, and few tests need it
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in {**settings, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}.items():
        monkeypatch.setenv(name, value)
    boto3.Session().client("s3").create_bucket(Bucket="box")
    yield "s3://box"
    server.stop()


@pytest.fixture(autouse=True, scope="session")
def prepared_data_folder(tmp_path_factory: pytest.TempPathFactory):
    """Keep decoded crops and indices among the tests' own files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SWAPCORE_CACHE", str(tmp_path_factory.getbasetemp() / "swapcore-cache"))
        yield
