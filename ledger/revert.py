"""The reason inside revert data, in words (Solidity ABI: ``Error(string)`` and ``Panic(uint256)``)."""

from __future__ import annotations

from typing import Final

_ERROR_SELECTOR: Final = bytes.fromhex("08c379a0")
_PANIC_SELECTOR: Final = bytes.fromhex("4e487b71")
_WORD_BYTES: Final = 32
_MAX_REASON_CHARACTERS: Final = 500


def describe_revert(data: bytes) -> str:
    """Return the reason a contract gave for reverting.

    Args:
        data: revert data, public and chosen by the contract: any bytes.

    Returns:
        The text of ``Error(string)``, the code of ``Panic(uint256)``, the hex data for anything else, and a fixed text
        where there is none. Unprintable characters are escaped and long texts cut.
    """
    if not data:
        return "reverted without a reason"
    selector, body = data[:4], data[4:]
    if selector == _ERROR_SELECTOR and len(body) >= 2 * _WORD_BYTES:
        offset = int.from_bytes(body[:_WORD_BYTES], "big")
        length_end = offset + _WORD_BYTES
        if length_end <= len(body):
            length = int.from_bytes(body[offset:length_end], "big")
            if length_end + length <= len(body):
                return _printable(body[length_end : length_end + length].decode("utf-8", errors="replace"))
    if selector == _PANIC_SELECTOR and len(body) == _WORD_BYTES:
        return f"panic code 0x{int.from_bytes(body, 'big'):02x}"
    return _printable(f"reverted with data 0x{data.hex()}")


def _printable(text: str) -> str:
    shown = "".join(character if character.isprintable() else f"\\u{ord(character):04x}" for character in text)
    if len(shown) > _MAX_REASON_CHARACTERS:
        return shown[:_MAX_REASON_CHARACTERS] + "…"
    return shown
