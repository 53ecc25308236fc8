"""Exports a model as SavedModel and TFLite, with values proven equal to the Keras model's.

`export_all`, for models that write sequences `export_seq2seq`, writes a whole folder;
`to_saved_model` and `to_tflite` write one of the two. An export that gives other values than the
model is refused, and what was there before stays.
"""

from keras_seq.export.errors import ExportError
from keras_seq.export.file.attachments import read_files
from keras_seq.export.file.flatbuffer import TFLiteFile
from keras_seq.export.options import TFLiteOptions
from keras_seq.export.package import export_all, export_seq2seq
from keras_seq.export.report import TFLiteReport
from keras_seq.export.runtime import measure_latency
from keras_seq.export.saved_model import to_saved_model
from keras_seq.export.tflite import to_tflite

__all__ = [
    "ExportError",
    "TFLiteFile",
    "TFLiteOptions",
    "TFLiteReport",
    "export_all",
    "export_seq2seq",
    "measure_latency",
    "read_files",
    "to_saved_model",
    "to_tflite",
]
