"""The service beside comparable servers, in one run: `python -m tests.bench.performance` (docs/performance.md)."""
