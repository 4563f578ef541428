"""A release, a trust policy beside it, and the command that decides by it."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

from click.testing import CliRunner, Result
from releases import make_release

from manifest.build import build, write_manifest
from manifest.cli import cli
from manifest.sign import sign
from manifest.signing.keys import KeyKind, PrivateKey, generate, public_pem
from manifest.signing.signer import sign_payload

__all__ = ["ALICE", "BOB", "EVE", "KEYS", "Scene", "day", "signer"]

ALICE, BOB, EVE = (generate(KeyKind.ECDSA_P256) for _ in range(3))
KEYS = {"alice": ALICE, "bob": BOB, "eve": EVE}


class Scene:
    """A release signed by alice, a policy that trusts her, and an empty state."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state = path / "state.json"
        self.policy = path / "policy.yaml"
        (path / "release").mkdir()
        self.release = make_release(path / "release", ALICE)
        for name, key in KEYS.items():
            (path / f"{name}.pub").write_bytes(public_pem(key.public))
        self.write()

    def write(
        self, more: str = "", *, signers: str = "", head: str = 'schema_version: "1.0"'
    ) -> None:
        self.policy.write_text(f"{head}\nsigners:\n{signers or signer('alice')}{more}")

    def verify(self, *options: str) -> Result:
        args = ["verify", str(self.release.path), "--policy", str(self.policy)]
        return CliRunner().invoke(cli, [*args, "--state", str(self.state), *options])

    def accept(self) -> None:
        result = self.verify()
        assert result.exit_code == 0, result.output

    def sign_again(self, key: PrivateKey = ALICE) -> None:
        (self.release.path / "model.sig").unlink(missing_ok=True)
        write_manifest(self.release.path, build(self.release.path))
        sign(self.release.path, key)

    def edit(self, old: str, new: str, key: PrivateKey = ALICE) -> None:
        """Publish the release again with a changed description."""
        file = self.release.path / "release.yaml"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))
        self.sign_again(key)

    def further(self, key: PrivateKey, name: str = "more.sig") -> None:
        """A further signature of the same statement, in ``signatures/``."""
        payload = json.dumps(self.release.statement()).encode()
        directory = self.release.path / "signatures"
        directory.mkdir(exist_ok=True)
        (directory / name).write_bytes(sign_payload(payload, key))


def signer(
    name: str, *, key: str = "", roles: str = "publisher", names: str = "acme/*", **more: str
) -> str:
    extra = "".join(f"    {field}: {value}\n" for field, value in more.items())
    return (
        f"  {name}:\n    keys: ['{key or name + '.pub'}']\n    roles: [{roles}]\n"
        f"    releases: ['{names}']\n{extra}"
    )


def day(offset: int) -> str:
    return f"{dt.datetime.now(dt.UTC) + dt.timedelta(days=offset):%Y-%m-%d}"
