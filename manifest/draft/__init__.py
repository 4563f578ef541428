"""A first description from what is there, and what is new since the last (spec/description.md).

`draft` never changes what a person wrote: to an existing description it adds lines, and says of
each that it was added.
"""

from manifest.draft.drafting import (
    Draft,
    draft,
    draft_description,
    draft_directory,
    draft_text,
)

__all__ = ["Draft", "draft", "draft_description", "draft_directory", "draft_text"]
