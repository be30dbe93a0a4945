"""Tests of the runtime ``kserve``."""
