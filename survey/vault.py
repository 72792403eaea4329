"""The noun *vault*: a folder of encrypted files of mode 0600, outside the database and its backups.

Printed codes wait in it for their download, scans and keyed sheets for their cast (BOX.md, "Rows"). What is removed is
overwritten first; on an SSD that is no promise, so disk encryption is advised.
"""

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nacl.secret import SecretBox


@dataclass(frozen=True, kw_only=True, slots=True)
class Vault:
    """Files of one folder under one key, which is made with the first file."""

    folder: Path
    key: Path

    def put(self, name: str, content: bytes) -> None:
        """Writes a file whole and durably, in place of an older one."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = self.folder / f".{name}.{secrets.token_hex(4)}"
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(self._box(make=True).encrypt(content))
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self.folder / name)

    def get(self, name: str) -> bytes:
        """A file's content. Raises FileNotFoundError, and CryptoError where it was not written with this key."""
        return bytes(self._box().decrypt((self.folder / name).read_bytes()))

    def has(self, name: str) -> bool:
        """Whether the file is there."""
        return (self.folder / name).exists()

    def names(self) -> list[str]:
        """The files that are there, by name."""
        if not self.folder.exists():
            return []
        return sorted(path.name for path in self.folder.iterdir() if path.is_file() and not path.name.startswith("."))

    def remove(self, name: str) -> None:
        """Overwrites and removes a file; one already gone is no fault."""
        _overwrite(self.folder / name)

    def destroy(self) -> None:
        """Removes all files, half-written ones too, and the folder; the key stays for other folders."""
        if self.folder.exists():
            for path in self.folder.iterdir():
                _overwrite(path)
            self.folder.rmdir()

    def _box(self, *, make: bool = False) -> SecretBox:
        if make and not self.key.exists():
            self.key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            part = self.key.with_name(f".{self.key.name}.{secrets.token_hex(4)}")
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(32))
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(part, self.key)  # the first of two makers wins
            os.unlink(part)
        return SecretBox(self.key.read_bytes())


def _overwrite(path: Path) -> None:
    try:
        with path.open("r+b") as file:
            file.write(secrets.token_bytes(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
    except FileNotFoundError:
        return
