"""Who makes fakes: classical image processing, the renderer, or a model of ours."""
