"""Importing this makes TensorFlow impossible to import, as on a machine that has none."""

import importlib.abc
import sys

assert "tensorflow" not in sys.modules


class Refuse(importlib.abc.MetaPathFinder):
    """A finder that is asked first and finds no TensorFlow."""

    def find_spec(self, fullname, path=None, target=None):
        """Nothing, or an error."""
        if fullname.partition(".")[0] in ("tensorflow", "tf_keras"):
            raise ModuleNotFoundError(f"{fullname} is refused here", name=fullname)


sys.meta_path.insert(0, Refuse())
