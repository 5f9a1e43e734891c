"""The parts of `tools/benchmark.py` and `tools/scaling.py`."""
