"""Metrics of what a model writes."""

from keras_seq.metrics.cider import cider_d

__all__ = ["cider_d"]
