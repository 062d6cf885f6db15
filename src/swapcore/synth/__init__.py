"""People who do not exist: identity and attributes in, picture, key points and masks out."""
