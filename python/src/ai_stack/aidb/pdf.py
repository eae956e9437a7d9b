"""Documents that come as PDF: checked, and turned into their text before anything is stored.

What is stored, cut and searched is the text, with a form feed between pages. The file itself is not kept.
"""

import asyncio
import base64
import binascii
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from dataclasses import replace
from typing import Any

import orjson

from ai_stack.aidb.chunking import content_type_of
from ai_stack.aidb.jobs import Line
from ai_stack.aidb.schemas import MAX_TITLE_CHARS, DocumentRequest
from ai_stack.service.errors import PayloadTooLarge, ServiceError, Unprocessable
from ai_stack.service.logs import get_logger

PDF = "application/pdf"
#: Not imported here: the parser is no business of this process.
PROGRAM = "ai_stack.aidb.pdf_text"
#: Bytes of a file. In base64 it is still shorter than the longest line of an import.
MAX_PDF_BYTES = 4 * 1024 * 1024
#: Seconds that reading a file may take on a busy machine. A whole group of lines stays below `jobs.ABANDONED`.
TIMEOUT = 12.0

log = get_logger(__name__)


class PdfReader:
    """Reads PDF in a process for each file, one at a time: each may take as much memory as the service itself.

    Args:
        max_document_bytes: of the text.
    """

    def __init__(self, *, max_document_bytes: int) -> None:
        self._max_document_bytes = max_document_bytes
        self._free = asyncio.Semaphore()

    async def decoded(self, request: DocumentRequest) -> DocumentRequest | ServiceError:
        """Return the request with text for content: itself, unless it is a PDF. For one that is refused, the reason."""
        is_pdf = (request.content_type or content_type_of(request.name)) == PDF
        if request.encoding == "text":
            if is_pdf and request.content.lstrip().startswith("%PDF-"):
                return Unprocessable("content: send a PDF in base64, with encoding base64")
            return request
        if not is_pdf:
            return Unprocessable("encoding: only a PDF is sent in base64")
        try:
            return await self._text_of(request)
        except ServiceError as error:
            return error

    async def decoded_line(self, line: Line) -> Line:
        """Return the line of an import with text for content, as `decoded`."""
        if line.document is None or line.document.get("encoding") != "base64":
            return line
        outcome = await self.decoded(DocumentRequest.model_validate(line.document))
        if isinstance(outcome, ServiceError):
            return replace(line, document=None, error=outcome.message)
        return replace(line, document=outcome.model_dump(mode="json", exclude_unset=True))

    async def _text_of(self, request: DocumentRequest) -> DocumentRequest:
        try:
            raw = base64.b64decode(request.content, validate=True)
        except (binascii.Error, ValueError):
            raise Unprocessable("content: is not base64") from None
        if len(raw) > MAX_PDF_BYTES:
            raise PayloadTooLarge(f"content: a PDF may have at most {MAX_PDF_BYTES} bytes")
        if b"%PDF-" not in raw[:1024]:
            raise Unprocessable("content: is not a PDF")
        found = await self._extract(raw)
        if found.get("error") == "too large":
            raise PayloadTooLarge(f"content: the text of the PDF has more than {self._max_document_bytes} bytes")
        if "error" in found:
            raise Unprocessable(f"content: {found['error']}")
        text = found["text"].encode(errors="replace").decode()
        if not text.strip():
            raise Unprocessable("content: the PDF has no text; pages that were scanned must be recognised first")
        changes: dict[str, Any] = {"content": text, "encoding": "text", "content_type": PDF}
        title = " ".join((found["title"] or "").encode(errors="replace").decode().split())[:MAX_TITLE_CHARS]
        if request.title is None and title:
            changes["title"] = title
        return request.model_copy(update=changes)

    async def _extract(self, raw: bytes) -> dict[str, Any]:
        async with self._free:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", PROGRAM, str(self._max_document_bytes)),
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                # Where this one has its modules from, and nothing else of its environment.
                env={"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
                cwd="/",
            )
            try:
                async with asyncio.timeout(TIMEOUT):
                    output, _ = await process.communicate(raw)
            except TimeoutError:
                output = b""
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        if process.returncode != 0:
            log.info("pdf.refused", bytes=len(raw), exit_status=process.returncode)
            return {"error": "the PDF takes too much time or memory to be read"}
        answer: dict[str, Any] = orjson.loads(output)
        return answer
