"""Files that a person names: writing one wholly or not at all, and why it cannot be written, in words."""

from __future__ import annotations

import errno
import os
from io import FileIO
from pathlib import Path


class Unsaved(Exception):
    """Nothing was written. The message says why, and what to do."""


def named(text: str) -> Path:
    """The path that a person typed; `~` is the home folder."""
    return Path(os.path.expanduser(text.strip()))


def obstacle(path: Path) -> str | None:
    """Why no file can be written there, as far as that can be known before."""
    try:
        if path.is_dir():
            return f"{path} is a folder; name a file in it"
        folder = path.parent
        if not folder.is_dir():
            return f"{folder} is no folder" if folder.exists() else f"the folder {folder} does not exist"
        if not os.access(path if path.exists() else folder, os.W_OK):
            return _why_not(PermissionError(errno.EACCES, ""), path)
    except OSError as error:
        return _why_not(error, path)
    return None


def is_there(path: Path) -> bool:
    """Whether there is something of that name that writing would replace: not what only takes what is written."""
    try:
        return path.is_file()
    except OSError:
        return False


def write(path: Path, data: bytes) -> None:
    """Write a file, or replace one, as a whole: where that fails there is what was there before. Raises Unsaved."""
    path = Path(os.path.realpath(path))
    why = obstacle(path)
    if why is not None:
        raise Unsaved(why)
    beside = path.with_name(f".{path.name[:100]}.{os.getpid()}.part")
    try:
        if path.exists() and not path.is_file():  # a device
            path.write_bytes(data)
            return
        try:
            beside.write_bytes(data)
            beside.replace(path)
        except PermissionError:
            if beside.exists() or not path.exists():
                raise
            _write_over(path, data)  # the folder takes no new file, but this one may be written
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise Unsaved(_why_not(error, path, len(data))) from error


def _write_over(path: Path, data: bytes) -> None:
    """Write over a file where it lies. The room is taken first, and what was there is put back if the writing fails."""
    before = path.read_bytes()
    with path.open("r+b", buffering=0) as file:
        if data and hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, len(data))
        try:
            _whole(file, data)
        except OSError:
            _whole(file, before)
            raise


def _whole(file: FileIO, data: bytes) -> None:
    file.seek(0)
    left = memoryview(data)
    while left:
        left = left[file.write(left) or 0 :]
    file.truncate(len(data))


def _why_not(error: OSError, path: Path, size: int = 0) -> str:
    match error.errno:
        case errno.EACCES | errno.EPERM:
            return f"there is no permission to write {path}; choose another place"
        case errno.EROFS:
            return f"{path.parent} can only be read; choose another place"
        case errno.ENOSPC | errno.EDQUOT:
            return f"there is no room for {size:,} bytes in {path.parent}; make some, or choose another place"
        case errno.ENAMETOOLONG:
            return f"the name is too long: {path.name[:40]}…"
        case errno.ENOENT | errno.ENOTDIR if not path.parent.is_dir():
            return f"the folder {path.parent} does not exist"
    return f"{path} cannot be written: {error.strerror or type(error).__name__}"
