"""What a Nix expression is made of, as far as it shows which attributes are set."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Component:
    """A part of an attribute path; `name` is None where it is computed (`${…}`)."""

    name: str | None


@dataclass(frozen=True, slots=True)
class Binding:
    """`path = value;` and the line where it starts."""

    path: tuple[Component, ...]
    value: "Node"
    line: int


@dataclass(frozen=True, slots=True)
class Attributes:
    """`{ … }`"""

    bindings: tuple[Binding, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """`[ … ]`"""

    elements: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Function:
    """`arguments: body`, of one argument or more; `pattern` when all of them are `{ … }`."""

    body: "Node"
    pattern: bool


@dataclass(frozen=True, slots=True)
class Apply:
    """A function applied to arguments; `function` is the last part of its name."""

    function: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Several expressions that may all be part of the result: branches, operands of `//` and `++`."""

    choices: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Name:
    """A variable, or an attribute of one; `text` is the last part."""

    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """A string; `content` is None when it is computed."""

    content: str | None


@dataclass(frozen=True, slots=True)
class Opaque:
    """Any other value."""


Node: TypeAlias = Attributes | Items | Function | Apply | Either | Name | Text | Opaque
