"""The import of torchvision with any build of torch."""

import subprocess
import sys
import textwrap


def test_models_can_be_built_and_run():
    import torch

    from swapcore.ops.vision import models

    with torch.device("meta"):
        network = models.alexnet(weights=None)
        assert network(torch.zeros(2, 3, 96, 96)).shape == (2, 1000)


def test_the_import_works_without_the_compiled_library():
    """In a new process in which load_library fails as without CUDA's libraries."""
    program = """
        import torch
        def fail(path):
            raise OSError("libcudart.so: cannot open shared object file")
        torch.ops.load_library = fail
        from swapcore.ops.vision import models
        with torch.device("meta"):
            assert models.vgg16(weights=None).features
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True, timeout=120)
