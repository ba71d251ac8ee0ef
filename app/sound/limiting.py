"""A gain that never clips: where a peak would pass the ceiling, the sound around it is turned down for a moment."""

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

CEILING = 10 ** (-2.0 / 20)
"""No sample passes -2 dBFS. Between two samples speech rises a few tenths of a decibel higher, so that the true peak
stays below -1.5 dBTP; EBU R 128 and AES TD1008 ask for -1 and leave half a decibel to a lossy encoder."""

_BLOCK_SECONDS = 0.005
_REACH = 2
"""Blocks on either side that a peak turns down: 25 ms in all, longer than a period of the voice."""


def amplified(samples: Samples, gain: float, sample_rate: int) -> Samples:
    """`samples` of shape (n,) times `gain`, with every sample within the ceiling. As many samples come out."""
    block = max(1, round(_BLOCK_SECONDS * sample_rate))
    blocks = -(-samples.size // block)
    louder = np.empty((blocks, block), np.float32)
    flat = louder.reshape(-1)
    np.multiply(samples, np.float32(gain), out=flat[: samples.size])
    flat[samples.size :] = 0.0
    heights = np.maximum(louder.max(axis=1), -louder.min(axis=1))
    if not samples.size or heights.max() <= CEILING:
        return flat[: samples.size]
    allowed = CEILING / np.maximum(heights, CEILING)
    # The mean of minima over the same window is never above what the block in its middle allows.
    smooth = _over_windows(_over_windows(allowed).min(axis=1)).mean(axis=1)
    edges = np.minimum(np.append(smooth[:1], smooth), np.append(smooth, smooth[-1:])).astype(np.float32)
    slope = np.arange(block, dtype=np.float32) / np.float32(block)
    louder *= edges[:-1, np.newaxis] + np.diff(edges)[:, np.newaxis] * slope
    np.clip(flat, np.float32(-CEILING), np.float32(CEILING), out=flat)
    return flat[: samples.size]


def _over_windows(values: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Each value with its neighbours: shape (n, 2 * reach + 1)."""
    return np.lib.stride_tricks.sliding_window_view(np.pad(values, _REACH, mode="edge"), 2 * _REACH + 1)
