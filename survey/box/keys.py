"""The keys of a collection: made in draft and at opening, kept as files of mode 0600, destroyed at the seal.

`instance/keys/<collection>/`: `slip` (made with the first slips), `nonce`, `mac` and `sign` (made at opening), `public` and
`secret.json`, the secret key of the box wrapped under both counting officers' passwords and once under the envelope's code.
Nothing here is ever in the database, in a backup or in a log.
"""

import base64
import hmac
import json
import os
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import nacl.bindings
import nacl.exceptions
import nacl.pwhash
import nacl.secret
import nacl.signing
import nacl.utils
from flask_babel import gettext as _
from nacl.public import PrivateKey, SealedBox

NAMES = ("slip", "nonce", "mac", "sign", "public", "secret.json")
_OPS, _MEMORY = 2, 19 * 1024 * 1024  # argon2id as for passwords


class WrongPassword(ValueError):
    """Neither the two passwords nor the envelope's code open the secret key."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The folder of one collection's keys; a file is read when it is first asked for, and kept as long as this object."""

    folder: Path
    _read: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)
    _signer: list[nacl.signing.SigningKey] = field(default_factory=list, repr=False, compare=False)
    _macs: dict[str, hmac.HMAC] = field(default_factory=dict, repr=False, compare=False)

    def get(self, name: str) -> bytes:
        """A key's bytes. Raises FileNotFoundError when it was never made, or is destroyed."""
        if name not in self._read:
            handle = os.open(f"{self.folder}/{name}", os.O_RDONLY)
            try:
                self._read[name] = os.read(handle, 1 << 16)
            finally:
                os.close(handle)
        return self._read[name]

    def has(self, name: str) -> bool:
        """Whether a key exists, or was read by this object and not destroyed by it."""
        return name in self._read or os.path.exists(f"{self.folder}/{name}")

    def make(self, name: str) -> None:
        """Makes a random key of 32 bytes, unless it exists."""
        self.put(name, secrets.token_bytes(32), again=False)

    def put(self, name: str, content: bytes, *, again: bool = True) -> None:
        """Writes a file of mode 0600 durably; with `again=False` an existing one stays."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / name
        if path.exists() and not again:
            return
        part = self.folder / f".{name}.{secrets.token_hex(4)}"
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if again:
            os.replace(part, path)
        else:
            with suppress(FileExistsError):  # the first of two makers wins
                os.link(part, path)
            os.unlink(part)
        sync_folder(self.folder)
        self._forget(name)

    def destroy(self, *names: str) -> None:
        """Overwrites and removes keys; those already gone are no fault."""
        for name in names:
            path = self.folder / name
            if path.exists():
                with path.open("r+b") as file:
                    file.write(os.urandom(path.stat().st_size))
                    file.flush()
                    os.fsync(file.fileno())
                path.unlink()
            self._forget(name)
        if self.folder.exists():
            sync_folder(self.folder)

    def _forget(self, name: str) -> None:
        self._read.pop(name, None)
        self._macs.pop(name, None)
        self._signer.clear()
        _kept.pop(str(self.folder), None)

    # ---- what they are for -------------------------------------------------------------------------------------

    def slip_hash(self, text: str) -> bytes:
        """HMAC(slip key, code): what the database knows of a slip."""
        return self._mac("slip", text.encode())

    def nonce_seal(self, collection: str, random: bytes) -> bytes:
        """Binds a server-made nonce to its collection (BOX.md, step 4)."""
        return self._mac("nonce", collection.encode() + random)[:8]

    def mac(self, kind: str, collection: str, name: bytes, ciphertext: bytes) -> bytes:
        """MAC over a row of the box (`kind` "ballot") or a remark ("remark")."""
        text = b"\x00".join((kind.encode(), collection.encode(), name)) + b"\x00" + ciphertext
        return self._mac("mac", text)

    def _mac(self, key: str, text: bytes) -> bytes:
        """HMAC-SHA256. One that is begun is kept and copied: `hmac.digest` gives way to other threads at each call."""
        begun = self._macs.get(key)
        if begun is None:
            begun = self._macs[key] = hmac.new(self.get(key), digestmod="sha256")
        mac = begun.copy()
        mac.update(text)
        return mac.digest()

    def sign(self, text: bytes) -> bytes:
        """The Ed25519 signature of a receipt, 64 bytes."""
        return self._signing().sign(text).signature

    def verify_key(self) -> bytes:
        """The public key receipts are checked with."""
        return bytes(self._signing().verify_key)

    def _signing(self) -> nacl.signing.SigningKey:
        if not self._signer:
            self._signer.append(nacl.signing.SigningKey(self.get("sign")))
        return self._signer[0]

    def seal(self, plain: bytes) -> bytes:
        """A libsodium sealed box: whoever holds the public key can only drop in."""
        return nacl.bindings.crypto_box_seal(plain, self.get("public"))


TRUST = 0.05  # seconds
_kept: dict[str, tuple[int, Keys, float]] = {}  # folder -> when it last changed, its keys, when that was looked at


def of(instance: Path, collection: str) -> Keys:
    """The keys of a collection. Every vote needs five of them: those read are kept until anything in the folder changes.

    A folder that changed in the last second is not trusted to show another change by its time, so nothing of it is kept. What was looked
    at a moment ago is not looked at again: a key another process destroys may serve for `TRUST` seconds more, and what it serves the
    writer refuses.
    """
    place = f"{instance}/keys/{collection}"
    kept, now = _kept.get(place), time.monotonic()
    if kept and now - kept[2] < TRUST:
        return kept[1]
    try:
        changed = os.stat(place).st_mtime_ns
    except OSError:  # there is none, or no folder could have such a name
        _kept.pop(place, None)
        return Keys(Path(place))
    if kept and kept[0] == changed:
        _kept[place] = (changed, kept[1], now)
        return kept[1]
    for old in list(_kept)[:-15]:
        _kept.pop(old, None)
    found = Keys(Path(place))
    if time.time_ns() - changed > 1_000_000_000:
        _kept[place] = (changed, found, now)
    else:
        _kept.pop(place, None)
    return found


def of_paper(instance: Path, collection: str) -> Keys:
    """The folder of a collection's scans and keyed drafts and of the key `key` they are encrypted with."""
    return Keys(instance / "keys" / f"paper-{collection}")


def sync_folder(folder: Path) -> None:
    """Makes names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_pair(keys: Keys, *, teller: str, scrutineer: str) -> str:
    """Makes the box's key pair, wrapped under both passwords; returns the envelope's code, which is printed once.

    The envelope opens the box when a password is lost: 30 Crockford characters, 150 bits.
    """
    secret = PrivateKey.generate()
    envelope = "".join(secrets.choice("0123456789ABCDEFGHJKMNPQRSTVWXYZ") for _ in range(30))
    wrapped = {
        "passwords": _wrap(bytes(secret), _joined(teller, scrutineer)),
        "envelope": _wrap(bytes(secret), envelope.encode()),
    }
    keys.put("secret.json", json.dumps(wrapped).encode())
    keys.put("public", bytes(secret.public_key))
    trial = secrets.token_bytes(32)
    if open_ballot(unwrap(keys, teller=teller, scrutineer=scrutineer), keys.seal(trial)) != trial:
        raise RuntimeError("the new key does not open what it closed")
    return envelope


def unwrap(keys: Keys, *, teller: str = "", scrutineer: str = "", envelope: str = "") -> PrivateKey:
    """The secret key. Raises WrongPassword."""
    wrapped = json.loads((keys.folder / "secret.json").read_bytes())  # not by `get`: no process keeps it
    way, secret = ("envelope", _plain(envelope).encode()) if envelope else ("passwords", _joined(teller, scrutineer))
    parts = {name: base64.b64decode(value) for name, value in wrapped[way].items()}
    try:
        return PrivateKey(nacl.secret.SecretBox(_derive(secret, parts["salt"])).decrypt(parts["box"]))
    except nacl.exceptions.CryptoError:
        raise WrongPassword(_("两个密码打不开票箱")) from None


def open_ballot(secret: PrivateKey, ciphertext: bytes) -> bytes:
    """What a sealed box holds. Raises nacl.exceptions.CryptoError when it was not closed for this key."""
    return SealedBox(secret).decrypt(ciphertext)


def _wrap(secret: bytes, password: bytes) -> dict[str, str]:
    salt = nacl.utils.random(nacl.pwhash.argon2id.SALTBYTES)
    sealed = nacl.secret.SecretBox(_derive(password, salt)).encrypt(secret)
    return {"salt": base64.b64encode(salt).decode(), "box": base64.b64encode(sealed).decode()}


def _derive(password: bytes, salt: bytes) -> bytes:
    return nacl.pwhash.argon2id.kdf(32, password, salt, opslimit=_OPS, memlimit=_MEMORY)


def _joined(teller: str, scrutineer: str) -> bytes:
    return sha256(teller.encode()).digest() + sha256(scrutineer.encode()).digest()


def _plain(code: str) -> str:
    return "".join(code.upper().replace("O", "0").replace("I", "1").replace("L", "1").split()).replace("-", "")
