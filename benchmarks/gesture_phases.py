"""The Gesture Phase data set as the frames task reads it.

Madeo, Wagner & Peres, "Gesture Phase Segmentation" (2014), UCI Machine Learning Repository: seven
videos of three people who tell stories; of each frame the places of hands, wrists, head and spine,
and which phase of a gesture it is.

`gesture_phase.npz` holds of each video, here `a1`: `a1_raw` (frames, 18), places x, y, z of left
hand, right hand, head, spine, left wrist, right wrist; `a1_processed` (frames - 4, 32), velocities
and accelerations, which begin with the fifth frame; `a1_processed_label`; and for all `videos` and
`classes`.
"""

from pathlib import Path

import numpy as np

FILE = Path("gesture_phase", "gesture_phase.npz")
_LEFT_HAND, _RIGHT_HAND, _HEAD, _SPINE, _LEFT_WRIST, _RIGHT_WRIST = range(6)
_MOVING = (_LEFT_HAND, _RIGHT_HAND, _LEFT_WRIST, _RIGHT_WRIST)
_NAMES = [f"{part} {axis}" for part in ("left", "right", "wrist l", "wrist r") for axis in "xyz"]


def convert(source: Path, to: Path) -> list[str]:
    """Writes the seven videos as an .npz file of the frames task.

    Features are 44: the places of hands and wrists from the spine, so that people at any place are
    alike, and the 32 velocities and accelerations.

    Args:
        source: `gesture_phase.npz`.
        to: The file to write.

    Returns:
        The names of the videos.
    """
    with np.load(source, allow_pickle=False) as arrays:
        names = [str(name) for name in arrays["videos"]]
        features, labels = [], []
        for name in names:
            raw, processed = (arrays[f"{name.lower()}_{kind}"] for kind in ("raw", "processed"))
            places = relative_places(raw[len(raw) - len(processed) :])
            features.append(np.concatenate([places, processed], axis=1))
            labels.append(arrays[f"{name.lower()}_processed_label"])
        classes = arrays["classes"]
    moves = [f"motion {n + 1}" for n in range(features[0].shape[1] - len(_NAMES))]
    np.savez(
        to,
        features=np.concatenate(features).astype(np.float32),
        labels=np.concatenate(labels),
        lengths=np.array([len(rows) for rows in labels]),
        names=np.array(names),
        label_names=classes,
        feature_names=np.array([*_NAMES, *moves]),
    )
    return names


def relative_places(raw: np.ndarray) -> np.ndarray:
    """Places of hands and wrists from the spine: (T, 12).

    To the side and up in lengths from spine to head, for one video has these in another unit; to
    the front as they are.

    Args:
        raw: (T, 18), places of the six points.
    """
    points = raw.reshape(len(raw), 6, 3).astype(np.float64)
    spine, head = points[:, _SPINE], points[:, _HEAD]
    size = np.linalg.norm((head - spine)[:, :2], axis=1)
    unit = np.stack([size, size, np.ones_like(size)], axis=1)
    places = (points[:, _MOVING] - spine[:, np.newaxis]) / unit[:, np.newaxis]
    return places.reshape(len(raw), -1)
