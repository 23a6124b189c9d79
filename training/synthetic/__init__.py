"""Made-up networks of any size whose interests are known: for tests, benchmarks and first looks.

`training.synthetic.write` writes one; nothing is loaded before it is asked for.
"""
