"""Teachers, the methods that make fakes: dense warp, renderer, registered model."""
