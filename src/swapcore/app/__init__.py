"""A local web page that swaps two images and shows metrics, marks and the last evaluation."""
