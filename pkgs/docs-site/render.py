"""Render a directory of Markdown pages to HTML pages that need nothing but themselves.

python render.py SOURCE TARGET
"""

import html
import re
import shutil
import sys
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

STYLE = """
:root { color-scheme: light dark; }
body { max-width: 48rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.6 system-ui, sans-serif; }
pre { overflow-x: auto; padding: .75rem 1rem; border: 1px solid #8884; border-radius: .4rem; }
code { font: .9em ui-monospace, monospace; }
img { max-width: 100%; height: auto; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { border: 1px solid #8886; padding: .25rem .6rem; text-align: left; vertical-align: top; }
"""

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
<nav><a href="{index}">ai-stack</a></nav>
<main>
{body}</main>
</html>
"""


def slug(heading: str) -> str:
    """Return the anchor of a heading, as code forges make it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def html_target(href: str) -> str:
    """Return where a link to a Markdown page leads among the rendered ones."""
    if "://" in href:
        return href
    return re.sub(r"\.md(?=#|$)", ".html", href)


def render(text: str, index: str) -> str:
    """Return the HTML page of a Markdown text; `index` is the address of the first page from there."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(text)
    title = "ai-stack"
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            heading = tokens[place + 1].content
            token.attrSet("id", slug(heading.replace("`", "")))
            if token.tag == "h1":
                title = heading.replace("`", "")
        for child in token.children or ():
            _relink(child)
    return PAGE.format(
        title=html.escape(title), style=STYLE, index=index, body=parser.renderer.render(tokens, parser.options, {})
    )


def _relink(token: Token) -> None:
    href = token.attrGet("href")
    if isinstance(href, str):
        token.attrSet("href", html_target(href))


def main(source: Path, target: Path) -> None:
    """Render every page below `source` to the same place below `target`; copy all other files."""
    for path in sorted(source.rglob("*")):
        if path.is_dir():
            continue
        relative = path.relative_to(source)
        made = target / relative
        made.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".md":
            index = "../" * (len(relative.parts) - 1) + "index.html"
            made.with_suffix(".html").write_text(render(path.read_text(), index))
        else:
            shutil.copyfile(path, made)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
