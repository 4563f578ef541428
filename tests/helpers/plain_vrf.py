"""ECVRF-EDWARDS25519-SHA512-TAI written from RFC 9381 and RFC 8032 in plain integers.

Slow, not in constant time, and sharing nothing with the package: an oracle for its answers.
"""

from __future__ import annotations

import hashlib
from typing import TypeAlias

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SUITE = b"\x03"

Point: TypeAlias = tuple[int, int]
IDENTITY: Point = (0, 1)


def add(a: Point, b: Point) -> Point:
    """The complete addition law of the twisted Edwards curve, affine (RFC 8032, section 5.1)."""
    (x1, y1), (x2, y2) = a, b
    product = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + product, P - 2, P) % P
    y = (y1 * y2 + x1 * x2) * pow(1 - product, P - 2, P) % P
    return x, y


def times(scalar: int, point: Point) -> Point:
    """Double and add, in extended coordinates (RFC 8032, section 5.1.4)."""
    result = (0, 1, 1, 0)
    factor = (*point, 1, point[0] * point[1] % P)
    while scalar:
        if scalar & 1:
            result = _add_extended(result, factor)
        factor = _add_extended(factor, factor)
        scalar >>= 1
    inverse = pow(result[2], P - 2, P)
    return result[0] * inverse % P, result[1] * inverse % P


Extended: TypeAlias = tuple[int, int, int, int]


def _add_extended(p: Extended, q: Extended) -> Extended:
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def negative(point: Point) -> Point:
    return (-point[0] % P, point[1])


def encode(point: Point) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def decode(data: bytes) -> Point | None:
    """RFC 8032, section 5.1.3."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != square or (x == 0 and sign):
        return None
    return (x if x & 1 == sign else -x % P), y


_BASE = decode(bytes.fromhex("58" + "66" * 31))
assert _BASE is not None
BASE: Point = _BASE


def sha512(*parts: bytes) -> bytes:
    return hashlib.sha512(b"".join(parts)).digest()


def encode_to_curve(salt: bytes, alpha: bytes, first: int = 0) -> tuple[Point, int]:
    """Section 5.4.1.1: the point, and which try it was."""
    for counter in range(first, 256):
        point = decode(sha512(SUITE, b"\x01", salt, alpha, bytes([counter]), b"\x00")[:32])
        if point is not None and (point := times(8, point)) != IDENTITY:
            return point, counter
    raise AssertionError("no point")


def challenge(*points: Point | bytes) -> int:
    """Section 5.4.3."""
    data = [p if isinstance(p, bytes) else encode(p) for p in points]
    return int.from_bytes(sha512(SUITE, b"\x02", *data, b"\x00")[:16], "little")


def expand(seed: bytes) -> tuple[int, bytes, bytes]:
    """The secret scalar, the prefix and the public key (RFC 8032, section 5.1.5)."""
    hashed = sha512(seed)
    number = int.from_bytes(hashed[:32], "little")
    scalar = (number & ~7 & (2**254 - 1)) | 2**254
    return scalar, hashed[32:], encode(times(scalar, BASE))


def prove(seed: bytes, alpha: bytes) -> bytes:
    """Section 5.1."""
    x, prefix, public = expand(seed)
    h, _ = encode_to_curve(public, alpha)
    gamma = times(x, h)
    k = int.from_bytes(sha512(prefix, encode(h)), "little") % Q
    c = challenge(public, h, gamma, times(k, BASE), times(k, h))
    return encode(gamma) + c.to_bytes(16, "little") + ((k + c * x) % Q).to_bytes(32, "little")


def verify(public: bytes, alpha: bytes, proof: bytes) -> bytes | None:
    """Sections 5.2, 5.3, 5.4.4 and 5.4.5, with the check of the key."""
    y = decode(public)
    gamma = decode(proof[:32])
    c, s = int.from_bytes(proof[32:48], "little"), int.from_bytes(proof[48:], "little")
    if len(proof) != 80 or y is None or gamma is None or s >= Q or times(8, y) == IDENTITY:
        return None
    h, _ = encode_to_curve(public, alpha)
    u = add(times(s, BASE), negative(times(c, y)))
    v = add(times(s, h), negative(times(c, gamma)))
    if challenge(public, h, gamma, u, v) != c:
        return None
    return sha512(SUITE, b"\x03", encode(times(8, gamma)), b"\x00")
