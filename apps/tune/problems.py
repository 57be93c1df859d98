"""What is wrong with a search file, and where."""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable

from .bounded import read_bounded


class Refused(Exception):
    """A search that cannot begin, in words: exit code 2."""


@dataclass(frozen=True)
class Place:
    """A line of a file. Line 0: the file as a whole."""

    file: str
    line: int = 0
    column: int = 1
    text: str = ""

    def says(self, message: str) -> str:
        if self.line == 0:
            return f"{self.file}: error: {message}"
        head = f"{self.file}:{self.line}:{self.column}: error: {message}"
        return f"{head}\n  {self.text}\n  {' ' * (self.column - 1)}^"


class Places:
    """Where each key of a TOML file stands. Python's reader does not say, so keys are looked for at the beginnings of
    lines; what is written inside of a value has the place of the key before it."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._of: dict[str, Place] = {}
        table = ""
        for number, line in enumerate(text.splitlines(), 1):
            header = re.match(r"\s*\[([^\[\]]+)\]\s*(#.*)?$", line)
            entry = re.match(r"\s*((?:\"[^\"]*\"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:\"[^\"]*\"|'[^']*'|[\w-]+))*)\s*=", line)
            key = _key(header[1] if header else entry[1] if entry else "")
            if not key:
                continue
            if header:
                table = key
            name = key if header or not table else f"{table}.{key}"
            self._of.setdefault(name, Place(file, number, len(line) - len(line.lstrip()) + 1, line))

    def of(self, key: str) -> Place:
        """Of a key with its tables before it, or else of what is around it."""
        while key:
            if key in self._of:
                return self._of[key]
            key = key.rpartition(".")[0]
        return Place(self._file)


def _key(written: str) -> str:
    """twin."a.b" as twin.a.b"""
    try:
        node: object = tomllib.loads(f"{written} = 0")
    except tomllib.TOMLDecodeError:
        return ""
    parts = []
    while isinstance(node, dict):
        (part, node), = node.items()
        parts.append(part)
    return ".".join(parts)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def read_toml(file: Path) -> tuple[dict, Places]:
    try:
        text = read_bounded(file)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise Refused(f"error: the search file '{file}' cannot be read: {why}") from None
    try:
        return tomllib.loads(text), Places(str(file), text)
    except RecursionError:
        raise Refused(Place(str(file)).says("tables and lists are nested too deep")) from None
    except tomllib.TOMLDecodeError as error:
        found = re.match(r"(.*) \(at line (\d+), column (\d+)\)", str(error))
        if not found:
            raise Refused(Place(str(file)).says(str(error))) from None
        line = int(found[2])
        raise Refused(Place(str(file), line, int(found[3]), text.splitlines()[line - 1]).says(found[1])) from None
