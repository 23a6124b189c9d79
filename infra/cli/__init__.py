"""The `commonspace` command: one file a group of commands.

Nothing heavy is imported until a command runs, so that help answers at once.
"""
