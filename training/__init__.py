"""Photographs in, an archive out. Imports ``handlers`` and is imported by nothing."""
