"""Takes the text out of one PDF: `python -m ai_stack.aidb.pdf_text MOST_CHARACTERS < FILE`; answers with JSON.

Runs as a process of its own, since a file of a few bytes can ask the parser for any amount of memory and time. It
limits itself before it reads anything, and imports no other part of aidb.
"""

import io
import json
import logging
import resource
import sys
from typing import BinaryIO

import pypdf
from pypdf.errors import PyPdfError

#: Bytes of address space. The interpreter and the parser take about 100 MiB of it.
MEMORY = 512 * 1024 * 1024
#: Seconds of processor time.
CPU_SECONDS = 8
PAGE_END = "\f"


def main() -> None:
    """Answer with `{"title", "text"}`, or with `{"error"}`."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    # A core dump would hold the document.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The parser reports each irregularity of a file.
    logging.disable()
    json.dump(_read(sys.stdin.buffer, int(sys.argv[1])), sys.stdout)


def _read(stream: BinaryIO, most_characters: int) -> dict[str, str | None]:
    try:
        reader = pypdf.PdfReader(io.BytesIO(stream.read()))
        if reader.is_encrypted:
            return {"error": "the PDF is encrypted"}
        pages: list[str] = []
        left = most_characters
        for page in reader.pages:
            text = page.extract_text().replace("\0", "").replace(PAGE_END, "\n").rstrip()
            left -= len(text) + 1
            if left < 0:
                return {"error": "too large"}
            pages.append(text)
        title = reader.metadata.title if reader.metadata else None
    except MemoryError:
        return {"error": "the PDF takes too much memory to be read"}
    except (PyPdfError, RecursionError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError, OSError):
        # What a damaged file makes of the parser is not only its own errors.
        return {"error": "the PDF cannot be read"}
    return {"title": title if isinstance(title, str) else None, "text": PAGE_END.join(pages)}


if __name__ == "__main__":
    main()
