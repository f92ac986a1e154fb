"""A Vulkan driver for tests without a GPU: one that is installed (lavapipe), else Chromium's SwiftShader."""

from __future__ import annotations

import ctypes
import os
import shutil
from functools import cache
from pathlib import Path

from loom_py.errors import UnavailableError

_INSTALLED = (Path("/usr/share/vulkan/icd.d"), Path("/etc/vulkan/icd.d"))


def _chromium() -> Path | None:
    """The folder of a Chromium that brings a driver of its own."""
    paths = [os.environ.get("CHROMIUM"), *map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))]
    folders = [Path(path).resolve().parent for path in paths if path] + [Path("/usr/lib/chromium")]
    return next((folder for folder in folders if (folder / "vk_swiftshader_icd.json").exists()), None)


@cache
def provide() -> str:
    """Make sure that wgpu finds a driver; returns its path.

    Raises:
        UnavailableError: there is none.
    """
    if os.environ.get("VK_ICD_FILENAMES"):
        return os.environ["VK_ICD_FILENAMES"]
    installed = [str(path) for folder in _INSTALLED for path in folder.glob("*.json")]
    if installed:
        return ", ".join(installed)
    folder = _chromium()
    if folder is None:
        raise UnavailableError("no Vulkan driver; do: install mesa-vulkan-drivers, or Chromium, which brings one")
    ctypes.CDLL(str(folder / "libvulkan.so.1"), mode=ctypes.RTLD_GLOBAL)  # found again by name when wgpu asks for it
    os.environ["VK_ICD_FILENAMES"] = str(folder / "vk_swiftshader_icd.json")
    return os.environ["VK_ICD_FILENAMES"]
