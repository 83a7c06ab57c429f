"""What the encoding of an output can carry, and plain ASCII for what it cannot."""

import codecs
import unicodedata

DRAWN = "●▲■◆⣿│├┤─…±×"
"""Characters that drawings and tables need; an encoding that lacks one of them gets ASCII."""

PLAIN = {
    "…": "...", "±": "+-", "×": "x", "·": ".", "–": "-", "—": "-", "−": "-", "→": "->", "≤": "<=", "≥": ">=",
    "“": '"', "”": '"', "‘": "'", "’": "'", "─": "-", "│": "|", "█": "#", "✓": "yes", "✗": "no",
}  # fmt: skip

ERRORS = "mlpctl.plain"
"""Name of the error handler that writes PLAIN in place of what an encoding lacks."""


def carries(encoding: str | None) -> bool:
    """Whether an encoding has every character that drawings need."""
    try:
        DRAWN.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def plain(text: str) -> str:
    """Return a text in ASCII: accents left out, known signs written out, a question mark for the rest."""
    if text.isascii():
        return text
    written = "".join(PLAIN.get(sign, sign) for sign in text)
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", written) if not unicodedata.combining(sign))
    return bare.encode("ascii", "replace").decode("ascii")


def _instead(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return plain(error.object[error.start : error.end]), error.end


codecs.register_error(ERRORS, _instead)
