"""Creates reproducible archives with fixed times, owners, modes and file order."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

# The earliest time that a zip file can store. The build time would make each archive different.
TIME = (1980, 1, 1, 0, 0, 0)
TIME_SECONDS = 315532800


def zip_bootstrap(binary: bytes) -> bytes:
    """Returns a function's zip file, with the binary under the name that Lambda starts."""
    entry = zipfile.ZipInfo("bootstrap", TIME)
    entry.create_system = 3  # Unix, because Lambda reads its file modes
    entry.external_attr = 0o100755 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr(entry, binary, compresslevel=9)
    return written.getvalue()


def tar(folder: str, files: dict[str, bytes], executable: frozenset[str] = frozenset()) -> bytes:
    """Returns a .tar.gz file that unpacks into one folder."""
    written = io.BytesIO()
    with gzip.GzipFile(fileobj=written, mode="wb", compresslevel=6, filename="", mtime=0) as compressed:
        with tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for name, content in sorted(files.items()):
                entry = tarfile.TarInfo(f"{folder}/{name}")
                entry.mode = 0o755 if name in executable else 0o644
                entry.mtime = TIME_SECONDS
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return written.getvalue()


def unpack(archive: Path, into: Path) -> Path:
    """Unpacks a .tar.gz file and returns its top-level folder."""
    with tarfile.open(archive) as opened:
        opened.extractall(into, filter="data")
    (folder,) = into.iterdir()
    return folder
