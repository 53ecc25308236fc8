"""Files of pictures: where they lie, and what they show at one size."""

import tarfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_seq.data.dataset import DataError

PICTURE_ENDINGS = (".jpg", ".jpeg", ".png", ".gif", ".bmp")
_FOLDERS = ("Images", "images", "Flicker8k_Dataset", "Flickr8k_Dataset")


def decode_pictures(contents: tf.Tensor, size: int) -> tf.Tensor:
    """Turns the contents of picture files into pictures of one size; works in a graph.

    A picture is squeezed into a square, so that nothing of it is lost.

    Args:
        contents: Bytes of JPEG, PNG, GIF (its first frame) or BMP files, strings (B,).
        size: Side of the square.

    Returns:
        The pictures, uint8 (B, size, size, 3).

    Raises:
        tf.errors.InvalidArgumentError: A content is no picture, or damaged.

    Example:
        >>> import tensorflow as tf
        >>> from keras_seq.data import decode_pictures
        >>> content = tf.io.encode_png(tf.fill([4, 8, 3], tf.constant(200, tf.uint8)))
        >>> decode_pictures(content[tf.newaxis], size=2)[0, 0].numpy().tolist()
        [[200, 200, 200], [200, 200, 200]]
    """
    spec = tf.TensorSpec((size, size, 3), tf.uint8)
    return tf.map_fn(lambda content: _decoded(content, size), contents, fn_output_signature=spec)


def _decoded(content: tf.Tensor, size: int) -> tf.Tensor:
    picture = tf.io.decode_image(content, channels=3, expand_animations=False)
    picture = tf.ensure_shape(picture, [None, None, 3])
    picture = tf.image.resize(picture, (size, size), antialias=True)
    return tf.cast(tf.round(tf.clip_by_value(picture, 0, 255)), tf.uint8)


def read_picture(path: str | Path, size: int) -> np.ndarray:
    """Reads one picture.

    Args:
        path: The file.
        size: Side of the square that it is brought to.

    Returns:
        The picture, uint8 (size, size, 3).

    Raises:
        DataError: The file is not there, or no picture.

    Example:
        >>> import pathlib, tempfile
        >>> import tensorflow as tf
        >>> from keras_seq.data import read_picture
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "grey.png"
        >>> grey = tf.fill([9, 5, 3], tf.constant(80, tf.uint8))
        >>> _ = path.write_bytes(tf.io.encode_png(grey).numpy())
        >>> read_picture(path, 2).tolist()[0]
        [[80, 80, 80], [80, 80, 80]]
    """
    try:
        content = Path(path).expanduser().read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}).") from None
    return picture_of(content, str(path), size)


def picture_of(content: bytes, name: str, size: int) -> np.ndarray:
    """The picture that a file's content holds.

    Raises:
        DataError: It holds none; the message begins with the name.
    """
    try:
        return _decoded(tf.constant(content), size).numpy()
    except tf.errors.OpError as error:
        why = "it is empty" if not content else _why(error)
        raise DataError(
            f"{name} is no picture that can be read ({why}); JPEG, PNG, GIF and BMP files can."
        ) from None


def _why(error: tf.errors.OpError) -> str:
    """The words of TensorFlow, without those about the op."""
    words = " ".join(error.message.split())
    return words.split("} ")[-1].split(" [Op:")[0].rstrip(".")


@dataclass(frozen=True, eq=False)
class PictureFiles:
    """Files of pictures by name, read when they are asked for.

    Attributes:
        place: The folder, or the .tar file, that they lie in.
        members: By name, the path of each file; of a .tar file where it begins and how long it is.

    Example:
        >>> import pathlib, tempfile
        >>> from keras_seq.data import PictureFiles
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (folder / "a.jpg").write_bytes(b"no picture")
        >>> files = PictureFiles.of(folder)
        >>> [*files.members], files.read("a.jpg")
        (['a.jpg'], b'no picture')
    """

    place: Path
    members: Mapping[str, Path | tuple[int, int]]

    @classmethod
    def of(cls, folder: Path) -> "PictureFiles":
        """Finds the pictures of a folder.

        They lie in its one .tar file, in a folder within it (Images, Flicker8k_Dataset), or in
        itself.

        Args:
            folder: The folder.

        Raises:
            DataError: There are none, or the .tar file is damaged.
        """
        if archives := sorted(folder.glob("*.tar")):
            if len(archives) > 1:
                names = ", ".join(path.name for path in archives)
                raise DataError(f"{folder} holds {len(archives)} .tar files ({names}); leave one.")
            return cls(archives[0], _members(archives[0]))
        for place in (*(folder / name for name in _FOLDERS), folder):
            paths = sorted(place.iterdir()) if place.is_dir() else []
            found = {p.name: p for p in paths if p.suffix.lower() in PICTURE_ENDINGS}
            if found:
                return cls(place, found)
        raise DataError(
            f"{folder} holds no pictures: put them into {folder / _FOLDERS[0]} as "
            f"{', '.join(PICTURE_ENDINGS)} files, or beside the captions as one .tar file."
        )

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            DataError: There is no such file.
        """
        member = self.members.get(name)
        if member is None:
            raise DataError(f"{self.place} holds no {name}.")
        if isinstance(member, Path):
            return member.read_bytes()
        with open(self.place, "rb") as archive:
            archive.seek(member[0])
            return archive.read(member[1])

    def pictures(self, names: Iterable[str], size: int) -> tuple[np.ndarray, dict[str, str]]:
        """Reads pictures.

        Args:
            names: Which.
            size: Side of the square that they are brought to.

        Returns:
            Those that can be read, uint8 (N, size, size, 3), in their order, and what is wrong with
            the others, by name.
        """

        def read(name: str) -> np.ndarray | str:
            try:
                return picture_of(self.read(name), name, size)
            except (DataError, OSError) as error:
                return str(error)

        names = list(names)
        with ThreadPoolExecutor() as pool:  # TensorFlow decodes without Python's lock
            found = dict(zip(names, pool.map(read, names), strict=True))
        read_ones = [picture for picture in found.values() if isinstance(picture, np.ndarray)]
        pictures = np.stack(read_ones) if read_ones else np.zeros((0, size, size, 3), np.uint8)
        return pictures, {name: why for name, why in found.items() if isinstance(why, str)}


def _members(path: Path) -> dict[str, Path | tuple[int, int]]:
    try:
        with tarfile.open(path, "r:") as archive:
            files = [member for member in archive if member.isfile()]
    except tarfile.TarError as error:
        raise DataError(f"{path} is damaged, or no .tar file ({error}); get it again.") from None
    return {
        Path(member.name).name: (member.offset_data, member.size)
        for member in files
        if Path(member.name).suffix.lower() in PICTURE_ENDINGS
    }
