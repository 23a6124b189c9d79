"""The benchmark: contenders on one written split, claims computed from what they reach.

The entry point is `run.benchmark`; nothing heavy is loaded here.
"""
