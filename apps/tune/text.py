"""Text of names that come from outside, as framework/include/twinflow/text.h has it."""


def shown_lines(text: str) -> str:
    """Text that can be printed: control characters but line feeds and tabs, and marks that override the direction of
    writing, as \\u001b, and bytes that are not UTF-8, which Python has as surrogates, as \\xe4."""
    return "".join(map(_shown, text))


def _shown(one: str) -> str:
    code = ord(one)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    control = code < 0x20 and one not in "\n\t" or 0x7F <= code < 0xA0 or 0x2028 <= code <= 0x202E or 0x2066 <= code <= 0x2069
    return f"\\u{code:04x}" if control or 0xD800 <= code <= 0xDFFF else one
