"""From a photograph to an aligned face: detect, landmarks, align, quality, recognize."""
