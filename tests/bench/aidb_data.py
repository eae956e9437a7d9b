"""Chunks with their vectors: read from a database, multiplied, and written to another."""

import io
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import orjson
from numpy.typing import NDArray

from ai_stack.local.postgres import ConnectionParameters

PER_DOCUMENT = 10
#: A project is one in so many documents.
PROJECTS = 100
NOISE = 0.01
SEED = 20

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Query:
    """A text that is searched for, with its vector."""

    text: str
    vector: Vectors


@dataclass(frozen=True)
class Chunks:
    """Chunks in the order of their ids: headings, texts, and vectors of shape (chunks, dimensions), of unit length."""

    headings: list[str]
    texts: list[str]
    vectors: Vectors

    def queries(self, number: int) -> list[Query]:
        """Return queries that have answers: vectors near those of chunks, and the last words of their headings."""
        chance = np.random.default_rng(SEED + 1)
        chosen = chance.choice(len(self.texts), number, replace=False)
        vectors = self.vectors[chosen] + chance.standard_normal((number, self.vectors.shape[1])) * 2 * NOISE
        vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        texts = [" ".join(self.headings[place].split()[-4:]) + " nix configuration" for place in chosen]
        return [Query(text, vector) for text, vector in zip(texts, vectors, strict=True)]

    def nearest(self, query: Vectors, number: int, project: int | None = None) -> set[int]:
        """Return the places of the nearest chunks, found by looking at all (of a project)."""
        similarity = self.vectors @ query
        if project is not None:
            documents = np.arange(len(similarity)) // PER_DOCUMENT
            similarity = np.where(documents % PROJECTS == project, similarity, -2)
        return set(np.argpartition(-similarity, number)[:number].tolist())


def read_chunks(database: ConnectionParameters) -> Chunks:
    """Return all chunks of a database."""
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT heading, content, embedding::text FROM chunks WHERE embedding IS NOT NULL ORDER BY id")
        rows = cursor.fetchall()
    vectors = np.array([orjson.loads(row[2]) for row in rows], dtype=np.float32)
    return Chunks([row[0] for row in rows], [row[1] for row in rows], vectors)


def enlarge(corpus: Chunks, size: int) -> Chunks:
    """Return `size` chunks, each mixed from two."""
    chance = np.random.default_rng(SEED)
    first, second = chance.integers(len(corpus.texts), size=(2, size))
    vectors = corpus.vectors[first] + np.float32(0.7) * corpus.vectors[second]
    vectors += chance.standard_normal(vectors.shape, dtype=np.float32) * np.float32(NOISE)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    texts = [
        corpus.texts[one][: len(corpus.texts[one]) // 2] + corpus.texts[other][len(corpus.texts[other]) // 2 :]
        for one, other in zip(first, second, strict=True)
    ]
    return Chunks([corpus.headings[place] for place in first], texts, vectors.astype(np.float32))


def write_chunks(database: ConnectionParameters, chunks: Chunks) -> None:
    """Write chunks to an empty database, without the index of vectors; one that has as many is left as it is."""
    documents = len(chunks.texts) // PER_DOCUMENT
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM chunks")
        if cursor.fetchone()[0] == len(chunks.texts):
            return
        cursor.execute("DROP INDEX chunks_embedding")
        cursor.copy_expert(
            "COPY documents (project, path, title, content_type, content_hash, size_bytes, metadata, content)"
            " FROM STDIN",
            io.StringIO("".join(_documents(documents))),
        )
        cursor.copy_expert(
            "COPY chunks (document_id, position, heading, content, content_hash, token_count, char_count, embedding)"
            " FROM STDIN",
            io.StringIO("".join(_rows(chunks))),
        )
        cursor.execute("VACUUM ANALYZE")


def _documents(number: int) -> Iterator[str]:
    digest = r"\\x" + "00" * 32
    for place in range(number):
        yield f"p{place % PROJECTS}\tdocument-{place}.md\tDocument\ttext/markdown\t{digest}\t4000\t{{}}\t-\n"


def _rows(chunks: Chunks) -> Iterator[str]:
    digest = r"\\x" + "00" * 32
    for place, (heading, text, vector) in enumerate(zip(chunks.headings, chunks.texts, chunks.vectors, strict=True)):
        numbers = orjson.dumps(vector, option=orjson.OPT_SERIALIZE_NUMPY).decode()
        document, position = place // PER_DOCUMENT + 1, place % PER_DOCUMENT
        yield (f"{document}\t{position}\t{_escaped(heading)}\t{_escaped(text)}\t{digest}\t1\t{len(text)}\t{numbers}\n")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
