"""Figures of predictions, in plain NumPy: labels of frames and of segments, captions of images."""

from keras_seq.metrics.cider import cider_d
from keras_seq.metrics.frames import frame_accuracy, macro_f1
from keras_seq.metrics.segments import Segment, labelled_stretches, segment_f1, segments

__all__ = [
    "Segment",
    "cider_d",
    "frame_accuracy",
    "labelled_stretches",
    "macro_f1",
    "segment_f1",
    "segments",
]
