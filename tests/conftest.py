"""What every test shares: nothing is written to the configuration folder of whoever runs them."""

import pytest


@pytest.fixture(autouse=True, scope="session")
def configuration_folder(tmp_path_factory: pytest.TempPathFactory):
    """Keep the self-made signing certificate among the tests' own files, for the commands that they start too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SWAPCORE_CONFIG", str(tmp_path_factory.getbasetemp() / "swapcore-config"))
        yield
