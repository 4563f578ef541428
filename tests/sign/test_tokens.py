"""Keys in a token (SoftHSM) and with a service (a plug-in made here)."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from manifest.build import build, write_manifest
from manifest.errors import MissingExtraError, NotTrustedError, UsageError
from manifest.sign import write_key_pair
from manifest.signing.bundle import parse_bundle
from manifest.signing.keys import generate, private_pem
from manifest.signing.pkcs11_signer import open_token
from manifest.signing.pkcs11_uri import TokenKey, parse_pkcs11_uri
from manifest.signing.remote import RemoteSigner, load_plug_in
from manifest.signing.signer import sign_payload

Run = Callable[..., Result]

MODULE = next(
    (
        path
        for path in (
            "/usr/lib/softhsm/libsofthsm2.so",
            "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
            "/usr/lib64/pkcs11/libsofthsm2.so",
        )
        if Path(path).exists()
    ),
    "",
)
PIN = "12345678"
KEY = generate()


@pytest.fixture
def built(small_release: Path) -> Path:
    write_manifest(small_release, build(small_release))
    return small_release


# One library serves a process, and it reads its configuration once.
@pytest.fixture(scope="session")
def token(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A token with keys a and b; its name in a URI."""
    pytest.importorskip("pkcs11")
    tool = shutil.which("softhsm2-util")
    if tool is None or not MODULE:
        pytest.skip("SoftHSM is not installed (Debian: softhsm2)")
    home = tmp_path_factory.mktemp("hsm")
    (home / "tokens").mkdir()
    (home / "softhsm2.conf").write_text(f"directories.tokendir = {home}/tokens\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(home / "softhsm2.conf"))
        _softhsm(tool, "--init-token", "--free", "--label", "release", "--so-pin", PIN)
        for number, name in enumerate("ab", 1):
            pem = home / f"{name}.pem"
            pem.write_bytes(private_pem(KEY if name == "a" else generate(), None))
            _softhsm(
                *(tool, "--import", pem, "--token", "release", "--label", name),
                *("--id", f"0{number}"),
            )
        import pkcs11

        pkcs11.lib(MODULE)  # reads the configuration now
    return f"pkcs11:token=release;object=a?module-path={MODULE}"


def _softhsm(*arguments: object) -> None:
    subprocess.run([*map(str, arguments), "--pin", PIN], check=True, capture_output=True)


def test_key_in_a_token_signs(
    run: Run, built: Path, token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, public = write_key_pair(tmp_path / "k", KEY, None)
    monkeypatch.setenv("TOKEN_PIN", PIN)
    result = run("sign", built, "--pkcs11", token, "--passphrase-env", "TOKEN_PIN")
    assert result.exit_code == 0, result.stderr
    assert KEY.fingerprint in result.stdout
    assert run("verify", built, "--key", public).exit_code == 0
    by_id = token.replace("object=a", "id=%01")
    (tmp_path / "pin").write_text(PIN + "\n")
    result = run("sign", built, "--pkcs11", f"{by_id}&pin-source=file:{tmp_path}/pin")
    assert result.exit_code == 0, result.stderr
    assert "replaced" in result.stdout


@pytest.mark.parametrize(
    ("change", "pin", "words"),
    [
        pytest.param(("object=a", "object=c"), PIN, "one private key", id="no-such-key"),
        pytest.param(("token=release", "token=x"), PIN, "one token", id="no-such-token"),
        pytest.param(("object=a", "object=a;id=%02"), PIN, "one private key", id="of-two-keys"),
        pytest.param(("", ""), "wrong-pin", "refuses the PIN", id="wrong-pin"),
    ],
)
def test_token_that_does_not_sign(
    run: Run,
    built: Path,
    token: str,
    monkeypatch: pytest.MonkeyPatch,
    change: tuple[str, str],
    pin: str,
    words: str,
) -> None:
    monkeypatch.setenv("TOKEN_PIN", pin)
    uri = token.replace(*change) if change[0] else token
    result = run("sign", built, "--pkcs11", uri, "--passphrase-env", "TOKEN_PIN")
    assert result.exit_code == 2
    assert words in result.stderr
    assert not (built / "model.sig").exists()


@pytest.fixture(scope="session")
def odd_token(token: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same token, with a key without an id (c), one for RSA (d), and one on an odd curve (e)."""
    import pkcs11
    from pkcs11.util.ec import encode_named_curve_parameters

    lib = pkcs11.lib(MODULE)
    with lib.get_token(token_label="release").open(rw=True, user_pin=PIN) as session:
        curves = {"c": "1.2.840.10045.3.1.7", "e": "1.3.132.0.9"}  # P-256, secp160k1
        for label, oid in curves.items():
            parameters = session.create_domain_parameters(
                pkcs11.KeyType.EC,
                {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters(oid)},
                local=True,
            )
            parameters.generate_keypair(store=True, label=label, id=b"")
        session.generate_keypair(pkcs11.KeyType.RSA, 2048, store=True, label="d", id=b"\x44")
    return token


def test_key_without_an_id_signs(
    run: Run, built: Path, odd_token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN_PIN", PIN)
    uri = odd_token.replace("object=a", "object=c")
    result = run("sign", built, "--pkcs11", uri, "--passphrase-env", "TOKEN_PIN")
    assert result.exit_code == 0, result.stderr


@pytest.mark.parametrize(
    ("label", "words"),
    [
        pytest.param("d", "the key in the token is not an ECDSA key", id="rsa"),
        pytest.param("e", "is on a curve that is not known here", id="odd-curve"),
    ],
)
def test_key_of_another_kind(
    run: Run,
    built: Path,
    odd_token: str,
    monkeypatch: pytest.MonkeyPatch,
    label: str,
    words: str,
) -> None:
    monkeypatch.setenv("TOKEN_PIN", PIN)
    uri = odd_token.replace("object=a", f"object={label}")
    result = run("sign", built, "--pkcs11", uri, "--passphrase-env", "TOKEN_PIN")
    assert (result.exit_code, words in result.stderr) == (2, True), result.output
    assert not (built / "model.sig").exists()


def test_pin_that_is_no_text(token: str) -> None:
    with pytest.raises(UsageError, match="the PIN is not UTF-8"):
        open_token(parse_pkcs11_uri(token), b"\xff\xfe")


def test_without_its_package_no_token_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(MissingExtraError, match="need the package python-pkcs11") as caught:
        open_token(parse_pkcs11_uri("pkcs11:object=a?module-path=/lib.so"), b"1")
    assert caught.value.remedy == "pip install 'model-release-manifest[pkcs11]'"


def test_library_that_is_none(
    run: Run, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pkcs11")
    monkeypatch.setenv("TOKEN_PIN", PIN)
    (tmp_path / "lib.so").write_bytes(b"no library")
    uri = f"pkcs11:object=a?module-path={tmp_path}/lib.so"
    result = run("sign", built, "--pkcs11", uri, "--passphrase-env", "TOKEN_PIN")
    assert result.exit_code == 4
    assert "library failed" in result.stderr


def test_pin_is_asked_for_only_on_a_terminal(run: Run, built: Path) -> None:
    pytest.importorskip("pkcs11")
    result = run("sign", built, "--pkcs11", "pkcs11:object=a?module-path=/lib.so")
    assert result.exit_code == 2
    assert "no terminal" in result.stderr


def test_uri_is_read() -> None:
    assert parse_pkcs11_uri(
        "pkcs11:token=my%20token;serial=01;object=k%3Bey;id=%00%ff;type=private"
        "?module-path=/lib/a.so&pin-source=file:///pin"
    ) == TokenKey("/lib/a.so", "my token", "01", "k;ey", b"\x00\xff", "/pin")


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        pytest.param("pkcs12:object=a", "does not begin", id="another-scheme"),
        pytest.param("pkcs11:object=" + "a" * 5000, "very long", id="long"),
        pytest.param("pkcs11:token=a?module-path=/x", "names no key", id="no-key"),
        pytest.param("pkcs11:object=a", "names no library", id="no-library"),
        pytest.param("pkcs11:object=a?module-path=x.so", "names no library", id="relative"),
        pytest.param("pkcs11:object=a;type=cert?module-path=/x", "private key", id="a-cert"),
        pytest.param("pkcs11:object=a;object=b?module-path=/x", "twice", id="two-objects"),
        pytest.param("pkcs11:object=a;slot-id=1?module-path=/x", "'slot-id'", id="slot"),
        pytest.param("pkcs11:object=a?module-path=/x&pin-value=1", "holds a PIN", id="pin"),
        pytest.param("pkcs11:object=%zz?module-path=/x", "not sound", id="bad-percent"),
        pytest.param("pkcs11:object=%ff?module-path=/x", "UTF-8", id="not-utf-8"),
        pytest.param("pkcs11:object=a%00?module-path=/x", "null", id="null"),
        pytest.param("pkcs11:object=?module-path=/x", "empty", id="empty"),
        pytest.param("pkcs11:object=a?module-path=/x&pin-source=|cat", "pin-source", id="program"),
    ],
)
def test_uri_that_names_no_key(uri: str, words: str) -> None:
    with pytest.raises(UsageError, match="cannot be used") as caught:
        parse_pkcs11_uri(uri)
    assert words in caught.value.message


# Plug-ins: a distribution as an installer leaves it, on the path.

PLUG_IN = """
from manifest.signing.keys import load_private
from manifest.signing.remote import RemoteSigner

def signer(argument):
    with open(argument, "rb") as file:
        key = load_private(file.read())
    return RemoteSigner(key.public, key.sign)

def nothing(argument):
    return None
"""


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    site = tmp_path / "site"
    info = site / "service_plug_in-1.dist-info"
    info.mkdir(parents=True)
    (site / "service_plug_in.py").write_text(PLUG_IN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: service-plug-in\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[manifest.signers]\nservice = service_plug_in:signer\n"
        "empty = service_plug_in:nothing\nmissing = service_plug_in:missing\n"
        "[another.group]\nforeign = service_plug_in:signer\n"
    )
    monkeypatch.syspath_prepend(str(site))
    return site


def test_plug_in_signs(run: Run, built: Path, tmp_path: Path, plug_in: Path) -> None:
    private, public = write_key_pair(tmp_path / "k", KEY, None)
    result = run("sign", built, "--signer", f"service:{private}")
    assert result.exit_code == 0, result.stderr
    assert KEY.fingerprint in result.stdout
    assert run("verify", built, "--key", public).exit_code == 0
    assert "replaced" in run("sign", built, "--signer", f"service:{private}").stdout


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("other:x", "no plug-in for signers called 'other'", id="not-installed"),
        pytest.param("foreign:x", "no plug-in for signers called 'foreign'", id="of-others"),
        pytest.param("empty:x", "no signer", id="returns-nothing"),
        pytest.param("missing:x", "cannot be loaded", id="broken"),
    ],
)
def test_plug_in_that_is_none(plug_in: Path, name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        load_plug_in(name)
    assert "service" in caught.value.remedy or "whoever made it" in caught.value.remedy


def test_argument_of_a_plug_in_is_its_own_matter(tmp_path: Path, plug_in: Path) -> None:
    private, _ = write_key_pair(tmp_path / "with:colon:s", KEY, None)
    signer = load_plug_in(f"service:{private}")
    mine = signer.sign(b"{}")
    assert signer.owns(parse_bundle(mine))
    assert not signer.owns(parse_bundle(sign_payload(b"{}", generate())))
    assert signer.verify(mine, what="it").payload == b"{}"


def test_service_that_signs_something_else() -> None:
    signer = RemoteSigner(KEY.public, lambda _: KEY.sign(b"something else"))
    with pytest.raises(NotTrustedError, match="no signature by it"):
        signer.sign(b"{}")
