"""Cut documents into chunks that an embedding model can read whole.

The chunks of a document are consecutive slices of its text: joined in order they give the text back. They end where
the document's structure does, as far as the size limit lets them.
"""

from ai_stack.aidb.chunking.blocks import Block, parse_plain_text
from ai_stack.aidb.chunking.chunker import UNTITLED_TYPES, Chunk, ContentType, chunk_document, content_type_of
from ai_stack.aidb.chunking.html import parse_html
from ai_stack.aidb.chunking.markdown import parse_markdown
from ai_stack.aidb.chunking.pages import parse_pages
from ai_stack.aidb.chunking.restructuredtext import parse_restructuredtext
from ai_stack.aidb.chunking.source import parse_nix, parse_python
from ai_stack.aidb.chunking.tokens import count_tokens

__all__ = [
    "UNTITLED_TYPES",
    "Block",
    "Chunk",
    "ContentType",
    "chunk_document",
    "content_type_of",
    "count_tokens",
    "parse_html",
    "parse_markdown",
    "parse_nix",
    "parse_pages",
    "parse_plain_text",
    "parse_python",
    "parse_restructuredtext",
]
