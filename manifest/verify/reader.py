"""Tensors and files that are handed out only when they are those that were signed.

What is checked are the very bytes that are handed out: each is read once, into memory, and hashed
there. Nobody can exchange a file between the check and the use.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from manifest.display import printable
from manifest.document.manifest_file import FILE_NAME, Manifest, ManifestFile
from manifest.document.manifest_weights import ManifestTensor, WeightsFile, WeightsSet
from manifest.errors import (
    BytesDifferError,
    MissingExtraError,
    NotTrustedError,
    UndecidedError,
    UsageError,
)
from manifest.inventory import Algorithm, Problem, ProblemKind, Tree, digest_of
from manifest.inventory.tensors import range_digest, read_range
from manifest.inventory.walk import walk_place
from manifest.signing.keys import PublicKey
from manifest.verify.comparison import Engine
from manifest.verify.report import SignerInfo
from manifest.verify.request import Request
from manifest.verify.steps import Run
from manifest.verify.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Callable

    from manifest.signing.certificates import Root

__all__ = ["VerifiedReader", "open_release"]

_FETCH = "fetch the release again"


class _Documents(Run):
    """The first two steps of a verification: who signed what, and which release it is."""

    def open(self) -> Manifest:
        if self.request.trust.is_empty and not self.request.integrity_only:
            raise NotTrustedError(
                "no key was given, so nobody is vouched for",
                remedy="give a public key, or accept that with integrity_only",
            )
        self._documents()
        if self.machine.manifest_changed:
            raise BytesDifferError(f"{FILE_NAME} is not the one that was signed", remedy=_FETCH)
        if self.machine.trusted_manifest is None:
            raise UndecidedError(
                f"there is no {FILE_NAME} that agrees with the signature",
                remedy="`verify` checks signatures over files without one",
            )
        return self.machine.trusted_manifest


def open_release(
    directory: str | os.PathLike[str],
    *,
    keys: Sequence[PublicKey] = (),
    certificate_roots: Sequence[Root] = (),
    integrity_only: bool = False,
    weights: str | None = None,
    manifest_path: str | os.PathLike[str] | None = None,
    signature_path: str | os.PathLike[str] | None = None,
    roots: Mapping[str, str | os.PathLike[str]] | None = None,
) -> VerifiedReader:
    """Check the signature and the manifest of a release, and open it for reading.

    `manifest.open_verified` documents the arguments.

    Raises:
        NotTrustedError: Nobody who is trusted signed, or documents are at odds.
        BytesDifferError: The manifest is not the one that was signed.
        UndecidedError: There is no manifest, or something cannot be read.
        UsageError: The arguments contradict each other, or name what does not exist.
    """
    trust = Trust(tuple(keys), tuple(certificate_roots))
    if integrity_only and not trust.is_empty:
        raise UsageError("integrity_only and a key exclude each other", remedy="leave one out")
    run = _Documents(
        Request(
            directory=os.fspath(directory),
            trust=trust,
            integrity_only=integrity_only,
            strict=False,
            only=(),
            components=(),
            manifest_path=None if manifest_path is None else os.fspath(manifest_path),
            signature_path=None if signature_path is None else os.fspath(signature_path),
            expect_name=None,
            expect_version=None,
            ignore=(),
            roots={name: os.fspath(path) for name, path in (roots or {}).items()},
            engine=Engine(),
        )
    )
    manifest = run.open()
    run.check_roots()
    trees = {"": run.tree, **{name: walk_place(path) for name, path in run.request.roots.items()}}
    return VerifiedReader(manifest, trees, signer=run.machine.signer, weights=weights)


class VerifiedReader:
    """A release whose bytes are checked as they are read.

    Attributes:
        manifest: What was signed.
        signer: Who signed; None when nobody is vouched for.

    Args:
        manifest: The manifest, found to be the one that was signed.
        trees: The walked roots by name; the release directory's name is empty.
        signer: Who signed.
        weights: A file of the model whose tensors are read.
    """

    def __init__(
        self,
        manifest: Manifest,
        trees: Mapping[str, Tree],
        *,
        signer: SignerInfo | None,
        weights: str | None,
    ) -> None:
        self.manifest = manifest
        self.signer = signer
        self._trees: Mapping[str, Tree] | None = trees
        self._sound: set[str] = set()
        self._files = {f.full_path: f for f in manifest.files}
        self._weights_files = {f.full_path: f for s in manifest.weights for f in s.files}
        if weights is not None and weights not in self._weights_files:
            raise UsageError(
                f"{printable(weights)} is not a file whose tensors the manifest lists",
                remedy=f"one of: {', '.join(map(printable, [*self._weights_files][:10])) or 'none'}",
            )
        self._set = _chosen(manifest, weights)
        self._tensors = (
            {t.name: (f, t) for f, t in self._set.tensors} if self._set is not None else {}
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Refuse to read from here on. No file stays open between two reads."""
        self._trees = None

    @property
    def files(self) -> tuple[str, ...]:
        """Every file of the manifest, as ``path`` or ``root:path``."""
        return tuple(self._files)

    def keys(self) -> tuple[str, ...]:
        """The names of the tensors, sorted.

        Raises:
            UsageError: The manifest lists several models, and none was chosen; or no tensors.
        """
        self._model()
        return tuple(sorted(self._tensors))

    def info(self, name: str) -> ManifestTensor:
        """What the manifest says of a tensor: dtype, shape, range of bytes, digest.

        Raises:
            UsageError: There is no such tensor.
        """
        return self._find(name)[1]

    def get_tensor_bytes(self, name: str) -> bytes:
        """The bytes of a tensor, as they stand in its file.

        Raises:
            BytesDifferError: They are not those that were signed.
            UndecidedError: They cannot be read.
            UsageError: There is no such tensor, or the reader is closed.
        """
        file, tensor = self._find(name)
        self._refuse_other_header(file)
        data = self._read(file.root, file.path, tensor.start, tensor.end)
        if range_digest(data) != tensor.blake3:
            raise BytesDifferError(
                f"the tensor {printable(name)} in {printable(file.full_path)} is not the one "
                "that was signed",
                remedy=_FETCH,
            )
        return data

    def _refuse_other_header(self, file: WeightsFile) -> None:
        """Refuse, once for each file, a table of tensors that its header contradicts."""
        if file.full_path in self._sound:
            return
        header = self._read(file.root, file.path, 0, file.data_start)
        shown = printable(file.full_path)
        if range_digest(header) != file.header_blake3:
            raise BytesDifferError(
                f"the header of {shown} is not the one that was signed", remedy=_FETCH
            )
        # For who reads tensors.
        from manifest.sources.directory import DirectorySource
        from manifest.verify.tensors import refuse_other_header

        source = DirectorySource.of(self._tree(file.root))
        refuse_other_header(file, self._model().format, source)
        self._sound.add(file.full_path)

    def tensor(self, name: str, framework: str = "numpy") -> Any:
        """A tensor as an array, made by the ``safetensors`` library.

        Dtype and shape are those of the signed manifest, and of the file's header.

        Args:
            name: Its name.
            framework: ``numpy``, or ``pt`` for PyTorch.

        Raises:
            MissingExtraError: The library is not installed.
            UsageError: No such tensor or framework, weights of another format than safetensors,
                or a dtype that the framework does not have.
            BytesDifferError, UndecidedError: As `get_tensor_bytes`.
        """
        load = _loader(framework)
        _, tensor = self._find(name)
        if self._model().format != "safetensors":
            raise UsageError(
                "only weights in safetensors can be made arrays", remedy="use get_tensor_bytes"
            )
        data = self.get_tensor_bytes(name)
        fields = {"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [0, len(data)]}
        header = json.dumps({"tensor": fields}).encode()
        header += b" " * (-len(header) % 8)
        try:
            return load(len(header).to_bytes(8, "little") + header + data)["tensor"]
        except (KeyError, TypeError, ValueError, AttributeError, _unsound()):
            raise UsageError(
                f"the tensor {printable(name)} has the dtype {tensor.dtype}, which {framework} "
                "arrays cannot have here",
                remedy='use get_tensor_bytes, or framework="pt"',
            ) from None

    def load_bytes(self, path: str) -> bytes:
        """The bytes of a whole file, for ``safetensors.torch.load`` and the like.

        Args:
            path: A file of the manifest, ``root:path`` in a named root.

        Raises:
            BytesDifferError: They are not those that were signed; the message names the tensors.
            UndecidedError: They cannot be read.
            UsageError: The manifest lists no such file, or the reader is closed.
        """
        file = self._files.get(path)
        if file is None:
            raise UsageError(f"{printable(path)} is not a file of the manifest")
        tree = self._tree(file.root)
        found = tree.find(file.path)
        if found is not None and found.size != file.size:
            raise BytesDifferError(
                f"{printable(path)} has {found.size:,} bytes; {file.size:,} were signed",
                remedy=_FETCH,
            )
        data = self._read(file.root, file.path, 0, file.size)
        if not _is_signed(data, file, blake3="blake3" in self.manifest.digests):
            raise BytesDifferError(
                f"{printable(path)} is not the one that was signed"
                f"{_where(data, self._weights_files.get(path))}",
                remedy=_FETCH,
            )
        return data

    def _model(self) -> WeightsSet:
        if self._set is not None:
            return self._set
        names = [s.files[0].full_path for s in self.manifest.weights]
        if not names:
            raise UsageError(
                "the manifest holds no digests of tensors",
                remedy="read whole files with load_bytes",
            )
        raise UsageError(
            f"the manifest lists the tensors of {len(names)} models",
            remedy=f"choose one with weights=, as {printable(names[0])!r}",
        )

    def _find(self, name: str) -> tuple[WeightsFile, ManifestTensor]:
        self._model()
        if name not in self._tensors:
            raise UsageError(f"there is no tensor {printable(name)}", remedy="keys() lists them")
        return self._tensors[name]

    def _tree(self, root: str) -> Tree:
        if self._trees is None:
            raise UsageError("the reader is closed")
        if root not in self._trees:
            raise UsageError(
                f"no directory was given for the root {root}", remedy="give it: roots="
            )
        return self._trees[root]

    def _read(self, root: str, path: str, start: int, end: int) -> bytes:
        data = read_range(self._tree(root), path, start, end)
        if isinstance(data, Problem):
            shown = printable(f"{root}:{path}" if root else path)
            kind = UndecidedError if data.kind is ProblemKind.UNREADABLE else BytesDifferError
            raise kind(f"{shown} cannot be read as it was signed: {data.detail}", remedy=_FETCH)
        return data


def _chosen(manifest: Manifest, path: str | None) -> WeightsSet | None:
    if path is None:
        return manifest.weights[0] if len(manifest.weights) == 1 else None
    return next(s for s in manifest.weights if any(f.full_path == path for f in s.files))


def _is_signed(data: bytes, file: ManifestFile, *, blake3: bool) -> bool:
    if blake3:
        return digest_of(data, Algorithm.BLAKE3) == file.blake3
    return digest_of(data) == file.sha256


def _where(data: bytes, weights: WeightsFile | None) -> str:
    """Which tensors are damaged, in words; empty where nothing is known of them."""
    if weights is None:
        return ""
    view = memoryview(data)
    bad = [t.name for t in weights.tensors if range_digest(view[t.start : t.end]) != t.blake3]
    places = [f"the tensor {printable(name)}" for name in bad[:5]]
    if range_digest(view[: weights.data_start]) != weights.header_blake3:
        places.insert(0, "the header")
    more = f", and {len(bad) - 5:,} more tensors" if len(bad) > 5 else ""
    return f": {', '.join(places)}{more} differs" if places else ""


def _unsound() -> type[Exception]:
    """What the library raises of its own; it is installed when this is asked."""
    from safetensors import SafetensorError

    return SafetensorError


def _loader(framework: str) -> Callable[[bytes], dict[str, Any]]:
    try:
        if framework == "numpy":
            from safetensors.numpy import load
        elif framework == "pt":
            from safetensors.torch import load
        else:
            raise UsageError(f"there is no framework {framework!a}", remedy="one of numpy, pt")
    except ImportError as error:
        install = (
            "'model-release-manifest[tensors]'" if framework == "numpy" else "torch safetensors"
        )
        raise MissingExtraError(
            f"arrays for {framework} need a library that is not installed: {error.name}",
            remedy=f"pip install {install}",
        ) from None
    loader: Callable[[bytes], dict[str, Any]] = load
    return loader
