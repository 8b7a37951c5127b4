"""Ours and the originals, measured in one interleaved run. See bench/README.md."""
