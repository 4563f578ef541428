"""The tokenizer: one character, one token.

Its vocabulary is declared here and written to tokenizer.json in the layout of the
`tokenizers` library. Token 0 stands for "before the beginning of the document".
"""

from __future__ import annotations

from recipe import TOKENIZER, read_json, write_json

START = "<s>"
ALPHABET = "\n !\"',-.:;?abcdefghijklmnopqrstuvwxyz"
PLAIN_QUOTES = {"\u201c": '"', "\u201d": '"', "\u2019": "'"}


def normalise(text: str) -> str:
    """Return the text in lower case with plain quotation marks."""
    for curly, plain in PLAIN_QUOTES.items():
        text = text.replace(curly, plain)
    return text.lower()


class Tokenizer:
    """Characters to numbers and back."""

    def __init__(self, vocabulary: dict[str, int]) -> None:
        self.id_of = vocabulary
        self.character_of = {number: character for character, number in vocabulary.items()}

    @classmethod
    def load(cls) -> Tokenizer:
        """Read tokenizer.json of this release."""
        return cls(read_json(TOKENIZER)["model"]["vocab"])

    def encode(self, text: str) -> list[int]:
        """Return the tokens of the text; a character outside the alphabet is a KeyError."""
        return [self.id_of[character] for character in text]

    def decode(self, tokens: list[int]) -> str:
        """Return the text of the tokens."""
        return "".join(self.character_of[token] for token in tokens)


def write_tokenizer() -> None:
    """Write tokenizer.json."""
    start = {
        "id": 0,
        "content": START,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
    }
    quotes = [
        {"type": "Replace", "pattern": {"String": curly}, "content": plain}
        for curly, plain in PLAIN_QUOTES.items()
    ]
    vocabulary = {token: number for number, token in enumerate([START, *ALPHABET])}
    write_json(
        TOKENIZER,
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [start],
            "normalizer": {"type": "Sequence", "normalizers": [*quotes, {"type": "Lowercase"}]},
            "pre_tokenizer": {
                "type": "Split",
                "pattern": {"Regex": r"[\s\S]"},
                "behavior": "Isolated",
                "invert": False,
            },
            "post_processor": None,
            "decoder": {"type": "Fuse"},
            "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": START},
        },
    )
