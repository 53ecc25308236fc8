"""Exports of models that write sequences: their searches inside, and their steps for other ones."""
