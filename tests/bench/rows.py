"""Generated documents and chunks for aidb, straight into its tables.

The service itself would have to compute each vector: at ten milliseconds of processor time a chunk, a million take
hours. Here a chunk is made of two real sentences of a corpus: its text is both, its vector is the weighted sum of both
vectors and a little noise, of unit length. So vectors lie as unevenly as real ones, and words and meaning agree.
"""

import hashlib
import io
import random
import struct
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

CHUNKS_PER_DOCUMENT = 20
_NOISE = 0.3
_BLOCK = 10_000
_BUILD_MEMORY = "3GB"
# PostgreSQL manual, "COPY", section "Binary Format".
_COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
_COPY_END = struct.pack("!h", -1)
_COLUMNS = "document_id, position, heading, content, content_hash, token_count, char_count, embedding"

Matrix: TypeAlias = "np.ndarray[Any, np.dtype[np.float32]]"


def fill(connection: Any, chunks: int, sentences: Sequence[str], vectors: Matrix) -> None:
    """Store `chunks` chunks; the large indexes are made afterwards, which is several times quicker.

    Args:
        connection: of psycopg2, in autocommit mode, as the owner of aidb's tables.
        chunks: how many.
        sentences: of a corpus.
        vectors: one row per sentence.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE indexname IN ('chunks_tsv', 'chunks_embedding')"
        )
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f"DROP INDEX {name}")
        documents = -(-chunks // CHUNKS_PER_DOCUMENT)
        cursor.execute(
            "INSERT INTO documents (project, path, title, content_type, content_hash, size_bytes, metadata, content) "
            "SELECT 'bench', 'bench/' || n || '.md', 'Document ' || n, 'text/markdown', sha256(n::text::bytea), 4000, "
            "'{}', 'generated' FROM generate_series(1, %s) AS n",
            (documents,),
        )
        cursor.execute("SELECT min(id) FROM documents WHERE project = 'bench'")
        first = cursor.fetchone()[0]
        for block in _blocks(chunks, first, sentences, vectors):
            cursor.copy_expert(f"COPY chunks ({_COLUMNS}) FROM STDIN WITH (FORMAT binary)", block)
        cursor.execute(f"SET maintenance_work_mem = '{_BUILD_MEMORY}'")
        for _, definition in indexes:
            cursor.execute(definition)
        cursor.execute("VACUUM ANALYZE")


def _blocks(chunks: int, first: int, sentences: Sequence[str], vectors: Matrix) -> Iterator[io.BytesIO]:
    chance, numbers = random.Random(1), np.random.default_rng(1)
    for start in range(0, chunks, _BLOCK):
        size = min(_BLOCK, chunks - start)
        pairs = numbers.integers(0, len(sentences), (size, 2))
        share = numbers.uniform(0.3, 0.7, (size, 1)).astype(np.float32)
        noise = numbers.standard_normal((size, vectors.shape[1])).astype(np.float32) / vectors.shape[1] ** 0.5
        mixed = share * vectors[pairs[:, 0]] + (1 - share) * vectors[pairs[:, 1]] + _NOISE * noise
        mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
        block = io.BytesIO()
        block.write(_COPY_HEADER)
        for row in range(size):
            number = start + row
            text = f"{sentences[pairs[row, 0]]} {sentences[pairs[row, 1]]} {chance.getrandbits(32):x}"
            block.write(_row(number, first, text, mixed[row]))
        block.write(_COPY_END)
        block.seek(0)
        yield block


def _row(number: int, first: int, text: str, vector: Matrix) -> bytes:
    content = text.encode()
    fields = (
        struct.pack("!q", first + number // CHUNKS_PER_DOCUMENT),
        struct.pack("!i", number % CHUNKS_PER_DOCUMENT),
        f"Document {number // CHUNKS_PER_DOCUMENT}".encode(),
        content,
        hashlib.sha256(content).digest(),
        struct.pack("!i", len(text) // 4),
        struct.pack("!i", len(text)),
        # pgvector's binary form: dimensions, 0, big-endian floats.
        struct.pack("!hh", len(vector), 0) + vector.astype(">f4").tobytes(),
    )
    return struct.pack("!h", len(fields)) + b"".join(struct.pack("!i", len(each)) + each for each in fields)
