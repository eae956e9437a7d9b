"""PDF files made by hand, as far as tests need them (ISO 32000-1, 7.5)."""


def write_pdf(*pages: str, title: str | None = None, streams: tuple[bytes, ...] | None = None) -> bytes:
    """Return a PDF with these lines of text on its pages.

    Args:
        pages: text of each page; ASCII without backslashes and parentheses.
        title: what the file calls itself.
        streams: what draws each page instead of the text, with its own dictionary entries: see `stream`.
    """
    drawn = streams or tuple(stream(_drawing(page)) for page in pages)
    numbers = [4 + 2 * place for place in range(len(drawn))]
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(drawn), b" ".join(b"%d 0 R" % number for number in numbers)),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, content in zip(numbers, drawn, strict=True):
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >>"
            b" /Contents %d 0 R >>" % (number + 1)
        )
        objects.append(content)
    info = b""
    if title is not None:
        objects.append(b"<< /Title (%s) >>" % title.encode())
        info = b" /Info %d 0 R" % len(objects)
    body = bytearray(b"%PDF-1.4\n")
    places = []
    for number, content in enumerate(objects, start=1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = len(body)
    body += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    body += b"".join(b"%010d 00000 n \n" % place for place in places)
    body += b"trailer\n<< /Size %d /Root 1 0 R%s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, info, table)
    return bytes(body)


def stream(content: bytes, entries: bytes = b"") -> bytes:
    """Return a stream object."""
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(content), entries, content)


def _drawing(text: str) -> bytes:
    lines = b" ".join(b"(%s) Tj T*" % line.encode() for line in text.splitlines())
    return b"BT /F1 12 Tf 14 TL 72 770 Td " + lines + b" ET"
