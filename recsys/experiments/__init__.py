"""Experiments: who gets which variant, what came of it, and what another policy would have done."""
