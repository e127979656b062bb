"""How fast the program is, and what becomes of messages when a worker dies: `make bench` (docs/benchmarks.md)."""
