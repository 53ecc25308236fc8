"""A folder in the layout of Flickr8k, of drawn shapes: pictures, captions and lists of parts."""

import csv
import gzip
import io
import tarfile

import tensorflow as tf

from keras_seq.data import generate_shape_pictures

PARTS = {"train": "train", "validation": "dev", "test": "test"}


def drawn(size=20, **counts):
    """The pictures; each has its sentence, and another that says the same."""
    images = generate_shape_pictures(
        size=size, **{"train": 12, "validation": 4, "test": 5, **counts}
    )
    for part in PARTS:
        for texts in getattr(images, part).captions:
            texts.append(f"There is {texts[0]} .")
    return images


def png(picture):
    return tf.io.encode_png(picture).numpy()


def write_folder(folder, images, *, place="Images", lists=True, layout="csv", packed=False):
    """Writes the images as PNG files.

    `place` is the folder of the pictures, "" for the folder itself, or ends in .tar.
    """
    parts = {part: getattr(images, part) for part in PARTS}
    files = {
        name: png(picture)
        for part in parts.values()
        for name, picture in zip(part.names, part.inputs, strict=True)
    }
    if place.endswith(".tar"):
        with tarfile.open(folder / place, "w") as archive:
            for name, content in files.items():
                member = tarfile.TarInfo(f"pictures/{name}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    else:
        (folder / place).mkdir(exist_ok=True, parents=True)
        for name, content in files.items():
            (folder / place / name).write_bytes(content)
    captions = {
        name: texts
        for part in parts.values()
        for name, texts in zip(part.names, part.captions, strict=True)
    }
    write_captions(folder, captions, layout, packed)
    for part, images in parts.items() if lists else ():
        write(folder / f"Flickr_8k.{PARTS[part]}Images.txt", "\n".join(images.names) + "\n", packed)
    return folder


def write_captions(folder, captions, layout="csv", packed=False):
    rows = [
        (name, number, text)
        for name, texts in captions.items()
        for number, text in enumerate(texts)
    ]
    if layout == "token":
        text = "".join(f"{name}#{number}\t{caption}\n" for name, number, caption in rows)
        write(folder / "Flickr8k.token.txt", text, packed)
        return
    lines = io.StringIO(newline="")
    writer = csv.writer(lines)
    writer.writerow(["image", "caption"])
    writer.writerows((name, caption) for name, _, caption in rows)
    write(folder / "captions.csv", lines.getvalue(), packed)


def write(path, text, packed):
    if packed:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8", newline="")
