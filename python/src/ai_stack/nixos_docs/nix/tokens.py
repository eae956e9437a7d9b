"""Tokens of the Nix language (https://nix.dev/manual/nix/latest/language/), tolerant of what is not Nix.

Snippets come from people and from assistants: fragments, with `…` for what was left out, or cut off in the middle of a
string. Nothing here is an error; what cannot be read is left out.
"""

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["name", "string", "literal", "path", "symbol", "end"]

_SPACE = re.compile(r"(?:\s+|#[^\n]*|/\*.*?(?:\*/|\Z))+", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_'-]*")
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
# Bounded and possessive: a long row of `a.a.a` must not be read again from each of its parts.
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,31}+:[A-Za-z0-9%/?:@&=+$,_.!~*'-]+")
_PATH = re.compile(r"(?:[A-Za-z0-9._+-]{0,255}+|~)(?:/[A-Za-z0-9._+-]+)+/?")
_SEARCH_PATH = re.compile(r"<[A-Za-z0-9._+*-]+(?:/[A-Za-z0-9._+-]+)*>")
_SYMBOL = re.compile(r"\$\{|\.\.\.|//|\+\+|==|!=|<=|>=|&&|\|\||->|[{}()\[\];:=.,@?!<>+*/-]")


@dataclass(frozen=True, slots=True)
class Token:
    """A token.

    `text` is what it stands for: of a string its content. `dynamic` says that a string holds `${…}`, so that its
    content is not known. `line` counts from 1.
    """

    kind: Kind
    text: str
    line: int
    dynamic: bool = False


def tokenize(text: str) -> list[Token]:
    """Return the tokens of a text; the last one is of kind "end". Takes time in proportion to the text's length."""
    tokens: list[Token] = []
    position, line = 0, 1
    while True:
        if space := _SPACE.match(text, position):
            line += text.count("\n", position, space.end())
            position = space.end()
        if position >= len(text):
            tokens.append(Token("end", "", line))
            return tokens
        token, end = _token(text, position, line)
        if token is not None:
            tokens.append(token)
        line += text.count("\n", position, end)
        position = end


def _token(text: str, position: int, line: int) -> tuple[Token | None, int]:
    if text[position] == '"':
        return _string(text, position + 1, line)
    if text.startswith("''", position):
        return _indented_string(text, position + 2, line)
    for kind, pattern in (("path", _SEARCH_PATH), ("path", _PATH), ("literal", _URI)):
        if match := pattern.match(text, position):
            return Token(kind, match[0], line), match.end()  # type: ignore[arg-type]
    if match := _NAME.match(text, position):
        return Token("name", match[0], line), match.end()
    if match := _NUMBER.match(text, position):
        return Token("literal", match[0], line), match.end()
    if match := _SYMBOL.match(text, position):
        return Token("symbol", match[0], line), match.end()
    return None, position + 1


def _string(text: str, position: int, line: int) -> tuple[Token, int]:
    content: list[str] = []
    dynamic = False
    while position < len(text) and text[position] != '"':
        if text[position] == "\\":
            content.append(text[position + 1 : position + 2])
            position += 2
        elif text.startswith("$${", position):
            content.append("$${")
            position += 3
        elif text.startswith("${", position):
            position = _after_interpolation(text, position + 2)
            dynamic = True
        else:
            content.append(text[position])
            position += 1
    return Token("string", "".join(content), line, dynamic), position + 1


def _indented_string(text: str, position: int, line: int) -> tuple[Token, int]:
    content: list[str] = []
    dynamic = False
    while position < len(text):
        if text.startswith("''", position):
            # ''$ and ''' and ''\ are escapes: https://nix.dev/manual/nix/latest/language/string-literals
            following = text[position + 2 : position + 3]
            if following not in {"$", "'", "\\"}:
                return Token("string", "".join(content), line, dynamic), position + 2
            content.append("''" if following == "'" else text[position + 2 : position + 4].lstrip("\\")[:1])
            position += 4 if following == "\\" else 3
        elif text.startswith("$${", position):
            content.append("$${")
            position += 3
        elif text.startswith("${", position):
            position = _after_interpolation(text, position + 2)
            dynamic = True
        else:
            content.append(text[position])
            position += 1
    return Token("string", "".join(content), line, dynamic), position


def _after_interpolation(text: str, position: int) -> int:
    """Return the place after the `}` that ends an interpolation, strings and comments in it skipped."""
    # Strings within interpolations within strings: a stack of what is open, since recursion has no bound here.
    inside = ["{"]
    while position < len(text):
        where = inside[-1]
        if where == '"' and text[position] == "\\":
            position += 2
            continue
        if where == "''" and text.startswith("''", position) and text[position + 2 : position + 3] in {"$", "'", "\\"}:
            position += 3
            continue
        if where in {'"', "''"}:
            if text.startswith(where, position):
                inside.pop()
                position += len(where)
            elif text.startswith("${", position):
                inside.append("{")
                position += 2
            else:
                position += 1
            continue
        if space := _SPACE.match(text, position):
            position = space.end()
        elif text.startswith("''", position):
            inside.append("''")
            position += 2
        elif text[position] == '"':
            inside.append('"')
            position += 1
        else:
            if text[position] == "{":
                inside.append("{")
            elif text[position] == "}":
                inside.pop()
                if not inside:
                    return position + 1
            position += 1
    return position
