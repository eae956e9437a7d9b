"""The structure of Nix expressions, as far as it shows which attributes are set.

A recursive descent over https://nix.dev/manual/nix/latest/language/syntax. Values that are no attribute sets are of no
interest and become `Opaque`. Nothing is an error but nesting without end: what does not fit is skipped, and reading
goes on at the next binding.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ai_stack.nixos_docs.nix.nodes import (
    Apply,
    Attributes,
    Binding,
    Component,
    Either,
    Function,
    Items,
    Name,
    Node,
    Opaque,
    Text,
)
from ai_stack.nixos_docs.nix.tokens import Token, tokenize

#: Far deeper than any module; Python's own stack ends a little above 150 levels of this parser.
MAX_DEPTH = 60

# Operators whose operands may be attribute sets or lists of them, which end up in the result.
_JOINING = frozenset({"//", "++"})
_OPERATORS = _JOINING | {"==", "!=", "<=", ">=", "<", ">", "&&", "||", "->", "+", "-", "*", "/"}
_CLOSING = {"{": "}", "${": "}", "(": ")", "[": "]"}
_END_OF_OPERAND = frozenset({"then", "else", "in", "or", "inherit"})


class SnippetError(Exception):
    """The text is nested more deeply than anything that people write."""


_OPAQUE = Opaque()


def parse(text: str) -> tuple[Node, ...]:
    """Return the expressions of a text, and the bindings that stand outside of any set as sets of their own.

    Raises:
        SnippetError: nested more than `MAX_DEPTH` deep.
    """
    return _Parser(tokenize(text)).snippet()


class _Parser:
    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self._match = _matching(tokens)

    def snippet(self) -> tuple[Node, ...]:
        nodes: list[Node] = []
        while self._tokens[self._at].kind != "end":
            before = self._at
            if self._binding_ahead() or self._is("inherit"):
                nodes.append(Attributes(tuple(self._bindings(closing=None))))
            else:
                nodes.append(self._expression())
            if self._at == before:
                self._at += 1
        return tuple(nodes)

    def _is(self, *texts: str) -> bool:
        token = self._tokens[self._at]
        return token.kind in {"symbol", "name"} and token.text in texts

    def _take(self, *texts: str) -> bool:
        found = self._is(*texts)
        self._at += found
        return found

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise SnippetError(f"nested more than {MAX_DEPTH} levels deep")
        yield
        self._depth -= 1

    def _expression(self) -> Node:
        with self._deeper():
            return self._unbounded_expression()

    def _unbounded_expression(self) -> Node:
        # A loop, since `a: b: c: …` and `with a; with b; …` are long rather than deep.
        patterns: list[bool] = []
        while True:
            if (pattern := self._arguments()) is not None:
                patterns.append(pattern)
            elif self._take("assert", "with"):
                self._expression()
                self._take(";")
            elif self._is("let") and not self._followed_by("{"):
                self._at += 1
                self._bindings(closing="in")
            else:
                break
        body = self._if() if self._take("if") else self._operators()
        return Function(body, all(patterns)) if patterns else body

    def _arguments(self) -> bool | None:
        """Take `name:`, `{ … }:` or either with `@`; return whether it was a pattern, None if there is neither."""
        token, end = self._tokens[self._at], self._at + 1
        pattern = False
        if token.kind == "symbol" and token.text == "{":
            end, pattern = self._match[self._at] + 1, True
        elif token.kind != "name":
            return None
        if self._text(end) == "@":
            following = end + 1
            pattern = pattern or self._text(following) == "{"
            end = self._match[following] + 1 if self._text(following) == "{" else following + 1
        if self._text(end) != ":":
            return None
        self._at = end + 1
        return pattern

    def _text(self, at: int) -> str:
        token = self._tokens[min(at, len(self._tokens) - 1)]
        return token.text if token.kind == "symbol" else ""

    def _followed_by(self, text: str) -> bool:
        return self._text(self._at + 1) == text

    def _if(self) -> Node:
        self._expression()
        self._take("then")
        first = self._expression()
        second: Node = self._expression() if self._take("else") else _OPAQUE
        return Either((first, second))

    def _operators(self) -> Node:
        operands = [self._application()]
        joined = False
        while True:
            if self._take("?"):
                self._path()
                joined = False
                continue
            operator = self._tokens[self._at].text
            if not self._take(*_OPERATORS):
                break
            joined = joined or operator in _JOINING
            # A function or a conditional may stand last.
            operands.append(self._operand())
        if len(operands) == 1:
            return operands[0]
        return Either(tuple(operands)) if joined else _OPAQUE

    def _operand(self) -> Node:
        if self._is("if", "let", "with", "assert") or self._arguments_ahead():
            return self._expression()
        return self._application()

    def _arguments_ahead(self) -> bool:
        before = self._at
        found = self._arguments() is not None
        self._at = before
        return found

    def _application(self) -> Node:
        while self._take("!", "-"):
            pass
        head = self._selection()
        arguments: list[Node] = []
        while self._starts_operand() and not self._binding_ahead():
            before = self._at
            arguments.append(self._selection())
            if self._at == before:
                break
        if not arguments:
            return head
        return Apply(head.text if isinstance(head, Name) else "", tuple(arguments))

    def _starts_operand(self) -> bool:
        token = self._tokens[self._at]
        if token.kind == "symbol":
            return token.text in {"{", "(", "[", "..."}
        return token.kind != "end" and not (token.kind == "name" and token.text in _END_OF_OPERAND)

    def _selection(self) -> Node:
        value = self._operand_itself()
        while self._take("."):
            path = self._path()
            # Only what is selected from a variable has a name that tells something.
            value = Name(path[-1].name or "") if path and isinstance(value, Name) else _OPAQUE
            if self._take("or"):
                self._selection()
        return value

    def _operand_itself(self) -> Node:
        token = self._tokens[self._at]
        if token.kind == "symbol":
            match token.text:
                case "{":
                    self._at += 1
                    return self._set()
                case "(":
                    self._at += 1
                    value = self._expression()
                    self._skip_to(")")
                    return value
                case "[":
                    self._at += 1
                    return self._list()
                case "...":
                    self._at += 1
            return _OPAQUE
        if token.kind == "name" and token.text in {"rec", "let"} and self._followed_by("{"):
            self._at += 2
            return self._set()
        if token.kind == "end" or (token.kind == "name" and token.text in _END_OF_OPERAND):
            return _OPAQUE
        self._at += 1
        if token.kind == "name":
            return Name(token.text)
        return Text(None if token.dynamic else token.text) if token.kind == "string" else _OPAQUE

    def _set(self) -> Attributes:
        with self._deeper():
            return Attributes(tuple(self._bindings(closing="}")))

    def _list(self) -> Items:
        elements: list[Node] = []
        with self._deeper():
            while self._tokens[self._at].kind != "end" and not self._take("]"):
                before = self._at
                elements.append(self._selection())
                if self._at == before:
                    self._at += 1
        return Items(tuple(elements))

    def _skip_to(self, closing: str) -> None:
        """Go behind `closing`, over what is left inside of it."""
        while not self._take(closing):
            token = self._tokens[self._at]
            if token.kind == "end" or (token.kind == "symbol" and token.text in {"}", "]", ")", ";"}):
                return
            self._at = self._match.get(self._at, self._at) + 1

    def _bindings(self, closing: str | None) -> list[Binding]:
        """Read bindings up to and over `closing`; None stops at the first thing that is none."""
        bindings: list[Binding] = []
        while self._tokens[self._at].kind != "end":
            if closing is not None and self._take(closing):
                break
            if self._is("inherit"):
                bindings.extend(self._inherited())
            elif self._binding_ahead():
                line = self._tokens[self._at].line
                path = self._path()
                self._take("=")
                bindings.append(Binding(path, self._expression(), line))
                self._take(";")
            elif closing is None:
                break
            elif self._is(")", "]"):
                # The closing brace is missing.
                break
            else:
                self._at = self._match.get(self._at, self._at) + 1
        return bindings

    def _inherited(self) -> list[Binding]:
        self._at += 1
        if self._is("("):
            self._at = self._match[self._at] + 1
        bindings = []
        while (token := self._tokens[self._at]).kind in {"name", "string"}:
            bindings.append(Binding((_component(token),), _OPAQUE, token.line))
            self._at += 1
        self._take(";")
        return bindings

    def _binding_ahead(self) -> bool:
        """Whether an attribute path with `=` behind it comes next."""
        at = self._at
        while (end := self._component_end(at)) > at:
            if self._text(end) == "=":
                return True
            if self._text(end) != ".":
                return False
            at = end + 1
        return False

    def _component_end(self, at: int) -> int:
        token = self._tokens[at]
        if token.kind == "symbol" and token.text == "${":
            return self._match[at] + 1
        is_component = token.kind in {"name", "string"} or (token.kind == "path" and token.text.startswith("<"))
        return at + 1 if is_component else at

    def _path(self) -> tuple[Component, ...]:
        components: list[Component] = []
        while (end := self._component_end(self._at)) > self._at:
            components.append(_component(self._tokens[self._at]))
            self._at = end
            if not self._take("."):
                break
        return tuple(components)


def _component(token: Token) -> Component:
    if token.kind == "symbol" or token.dynamic:
        return Component(None)
    return Component(token.text)


def _matching(tokens: Sequence[Token]) -> dict[int, int]:
    """Return, for each opening bracket, the place of the one that closes it (the last place, if there is none)."""
    matches: dict[int, int] = {}
    inside: list[tuple[int, str]] = []
    for at, token in enumerate(tokens):
        if token.kind != "symbol":
            continue
        if token.text in _CLOSING:
            matches[at] = len(tokens) - 2
            inside.append((at, _CLOSING[token.text]))
        elif token.text in {"}", "]", ")"} and any(closing == token.text for _, closing in inside[-8:]):
            # Others in between were never closed.
            while inside:
                opened, closing = inside.pop()
                matches[opened] = at
                if closing == token.text:
                    break
    return matches
