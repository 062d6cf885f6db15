"""People who do not exist: identity and attributes in, picture, landmarks and masks out."""
