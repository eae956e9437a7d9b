"""The documentation as web pages."""

import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]


def test_every_page_is_rendered_and_its_links_lead_somewhere(tmp_path: Path) -> None:
    site = tmp_path / "site"
    subprocess.run(
        [sys.executable, REPOSITORY / "pkgs/docs-site/render.py", REPOSITORY / "docs", site], check=True, timeout=120
    )
    pages = {page: page.read_text() for page in site.rglob("*.html")}
    assert len(pages) == len(list((REPOSITORY / "docs").rglob("*.md")))
    for page, text in pages.items():
        assert "<title>" in text
        anchors = set(re.findall(r' id="([^"]+)"', text))
        for href in re.findall(r' href="([^"]+)"', text):
            address, _, anchor = href.partition("#")
            if "://" in address:
                continue
            target = page if not address else (page.parent / address).resolve()
            if not target.is_relative_to(site):
                continue  # a file of the repository beside the documentation
            assert target.is_file(), f"{page.relative_to(site)}: {href}"
            if anchor and target in pages:
                found = anchors if target == page else set(re.findall(r' id="([^"]+)"', pages[target]))
                assert anchor in found, f"{page.relative_to(site)}: {href}"


def test_markup_in_a_page_stays_text(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text("# A <b>page</b>\n\n<script>alert(1)</script>\n")
    site = tmp_path / "site"
    subprocess.run(
        [sys.executable, REPOSITORY / "pkgs/docs-site/render.py", tmp_path / "docs", site], check=True, timeout=60
    )
    text = (site / "index.html").read_text()
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
