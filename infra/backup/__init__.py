"""Backup and restore: the truth and the models are copied, what can be made anew is not."""
