"""Reactions as a space: who reacts to what, learned from weighted and dated reactions.

The entry points are `fit.fit_space`, `space.ReactionSpace`, `model.train_reactions` and
`benchmark.benchmark_reactions`; nothing heavy is loaded here.
"""
