"""Figures of predictions, in plain NumPy: labels of frames and of whole segments."""

from keras_seq.metrics.frames import frame_accuracy, macro_f1
from keras_seq.metrics.segments import Segment, segment_f1, segments

__all__ = ["Segment", "frame_accuracy", "macro_f1", "segment_f1", "segments"]
