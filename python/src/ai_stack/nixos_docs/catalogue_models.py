"""Requests and answers about options and packages."""

from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator

from ai_stack.nixos_docs.models import Corrections, Degraded, Release
from ai_stack.nixos_docs.options.checking import Status
from ai_stack.service.endpoint import QueryModel, RequestModel

Name = Annotated[str, Field(min_length=1, max_length=500)]


class OptionSearchRequest(RequestModel):
    """What option to look for."""

    query: str = Field(
        min_length=1,
        max_length=2000,
        description="A name, the beginning or fragments of one, key words, or a question; nothing in it is syntax.",
        examples=["open a port in the firewall"],
    )
    limit: int = Field(default=10, ge=1, le=100)


class OptionSummary(BaseModel):
    """An option in short."""

    name: str = Field(description="`<name>` and `*` in it stand for any attribute, and any element of a list.")
    type: str
    description: str = Field(description="The first paragraph.")


class OptionItem(BaseModel):
    """An option."""

    name: str = Field(description="`<name>` and `*` in it stand for any attribute, and any element of a list.")
    type: str
    default: str | None = Field(description="As Nix text; null when there is none.")
    example: str | None = Field(description="As Nix text; null when there is none.")
    description: str
    declarations: list[str] = Field(description="Files that declare it.")
    read_only: bool
    alias_of: str | None = Field(description="The option that this is another name of.")
    url: str | None = Field(description="Where the option is described online, null for options of others' modules.")


class FoundOption(OptionItem):
    """An option that was found."""

    relevance: float = Field(description="Higher is better; comparable within one answer only.")


class OptionSearchResponse(BaseModel):
    """Options, best first."""

    query: str
    release: Release
    total: int = Field(description="Options that hold any of the words, or mean about the same.")
    options: list[FoundOption]
    degraded: Degraded
    corrections: Corrections


class OptionPath(QueryModel):
    """An option's name in a path."""

    name: Name = Field(description="Concrete names match `<name>`: `users.users.alice.shell`.")


class OptionResponse(BaseModel):
    """An option, or a set of options, and what is below."""

    name: str = Field(description="The name in the index.")
    release: Release
    option: OptionItem | None = Field(description="Null when only options below have this name in theirs.")
    children: list[OptionSummary] = Field(description="Options below, nearest first, at most 200.")
    total_children: int


class OptionCheckRequest(RequestModel):
    """What to check: a snippet of Nix, or names of options."""

    snippet: str | None = Field(
        default=None,
        max_length=100_000,
        description="A module, a set, or bindings by themselves; may be incomplete.",
        examples=["{ services.openssh.enable = true; }"],
    )
    options: list[Name] | None = Field(default=None, max_length=500, examples=[["services.openssh.enable"]])

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.snippet is None) == (self.options is None):
            raise ValueError("give either snippet or options")
        return self


class CheckedOption(BaseModel):
    """What is known of a path."""

    path: str
    line: int | None = Field(description="Line of the snippet, from 1.")
    status: Status = Field(
        description="`exists`; `freeform`: below an option that takes any name, so that this one may be right or wrong;"
        " `renamed`; `removed`; `unknown`."
    )
    option: str | None = Field(description="The option that it is, or belongs to.")
    replacement: str | None = Field(description="What a renamed option is called now.")
    message: str
    nearest: list[str] = Field(description="Options that may have been meant.")


class OptionCheckResponse(BaseModel):
    """What is known of each path."""

    release: Release
    ok: bool = Field(description="Whether none is renamed, removed or unknown.")
    checked: int
    truncated: bool = Field(description="Whether there were more paths than are checked at a time (1000).")
    results: list[CheckedOption]


class PackageSearchRequest(RequestModel):
    """What package to look for."""

    query: str = Field(
        min_length=1,
        max_length=2000,
        description="A name or attribute, the beginning of one, a program, or words of the description.",
        examples=["ripgrep"],
    )
    limit: int = Field(default=10, ge=1, le=100)


class PackageItem(BaseModel):
    """A package."""

    attribute: str = Field(description="Where it is in nixpkgs: `pkgs.<attribute>`.")
    name: str
    version: str | None
    description: str | None
    homepage: str | None
    licenses: list[str]
    main_program: str | None
    relevance: float = Field(description="Higher is better; comparable within one answer only.")


class PackageSearchResponse(BaseModel):
    """Packages, best first."""

    query: str
    release: Release
    total: int
    packages: list[PackageItem]
    corrections: Corrections
