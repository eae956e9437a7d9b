"""The words of all chunks: how common each is, and what a misspelled one stands for.

Counting every word again for every search would cost more than the search. So the table `lexemes` holds counts, made
anew in the background when enough has changed. A few per cent more or less do not move a ranking. A word that is not
in the table is counted on the spot (in paths, if no chunk has it), and so is everything while there is little.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ai_stack.aidb.database import Connection, Database
from ai_stack.aidb.spelling import can_be_corrected, closest
from ai_stack.service.logs import get_logger
from ai_stack.service.resilience import DependencyError

#: Different words of a query that count; what is beyond is no query but a document.
MAX_WORDS = 64
#: Below this number of chunks nothing is estimated.
FEW_CHUNKS = 2000
#: Words that are not in the table are not counted any further than this.
COUNT_AT_MOST = 10_000
#: The table is made anew when this share of the chunks is new or gone.
STALE_SHARE = 0.1
#: Words in no more than this share of the chunks are not in the table. It would be as large as the postings otherwise:
#: most words of a million chunks are numbers and digests that stand in one of them.
RARE_SHARE = 1e-5
#: Seconds between two looks at how much has changed.
LOOK_EVERY = 5.0
#: Seconds that counting may take.
COUNT_TIMEOUT = 300.0
#: Key of the advisory lock, so that of several processes one counts: "lexi" in ASCII.
ADVISORY_LOCK = 0x6C657869
#: Words that look like a misspelled one and are compared with it letter by letter.
LOOKALIKES = 200

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Word:
    """A word that is looked for.

    Attributes:
        lexeme: as it stands in `chunks.tsv`.
        chunks: number of chunks that have it, roughly.
        weight: how much it says: the inverse document frequency of BM25.
    """

    lexeme: str
    chunks: int
    weight: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a query looks for.

    Attributes:
        words: known ones, the rarest first.
        corrections: lexemes that stand nowhere, with those that are taken instead.
        unknown: lexemes that stand nowhere and are like none that does.
        chunks: number of all chunks, roughly.
        chunk_length: mean characters of a chunk.
        document_length: mean bytes of a document.
    """

    words: tuple[Word, ...]
    corrections: Mapping[str, str]
    unknown: tuple[str, ...]
    chunks: int
    chunk_length: float
    document_length: float


class Lexicon:
    """Knows the words in the database. All methods raise `DependencyError` when PostgreSQL fails."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._settled_epoch: int | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the counts up to date for the length of the block."""
        task = asyncio.create_task(self._keep_counting(), name="lexicon")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def look_up(self, query: str) -> Wanted:
        """Return what a query looks for. A query of stop words alone looks for nothing."""
        rows = await self._database.fetch(_LOOK_UP, {"query": query})
        total, chunk_length, document_length = rows[0][:3]
        counts: dict[str, int] = {lexeme: chunks for *_, lexeme, chunks in rows if lexeme is not None}
        corrections, unknown = await self._correct([lexeme for lexeme, chunks in counts.items() if not chunks])
        known = {lexeme: chunks for lexeme, chunks in counts.items() if chunks} | {
            lexeme: chunks for lexeme, chunks in corrections.values() if lexeme not in counts
        }
        total = max(total, *known.values(), 1) if known else total
        words = [Word(lexeme, chunks, _weight(chunks, total)) for lexeme, chunks in known.items()]
        return Wanted(
            words=tuple(sorted(words, key=lambda word: (word.chunks, word.lexeme))),
            corrections={lexeme: instead for lexeme, (instead, _) in corrections.items()},
            unknown=tuple(unknown),
            chunks=total,
            chunk_length=chunk_length,
            document_length=document_length,
        )

    async def refresh(self) -> bool:
        """Count all words anew if enough has changed since the last time; returns whether it did."""
        rows = await self._database.fetch(_CHANGED, {"share": STALE_SHARE, "settled": self._settled_epoch})
        epoch, changed = rows[0]
        if not changed:
            self._settled_epoch = epoch
            return False

        async def count(connection: Connection) -> bool:
            if not (await connection.fetch("SELECT pg_try_advisory_xact_lock(%s)", (ADVISORY_LOCK,)))[0][0]:
                return False
            await connection.fetch(f"SET LOCAL statement_timeout = '{COUNT_TIMEOUT:.0f}s'")
            await connection.fetch(_COUNT, {"rare": RARE_SHARE}, timeout=COUNT_TIMEOUT)
            return True

        counted = await self._database.transaction(count, idempotent=True, timeout=COUNT_TIMEOUT)
        if counted:
            log.debug("lexicon.counted")
        return counted

    async def _correct(self, lexemes: list[str]) -> tuple[dict[str, tuple[str, int]], list[str]]:
        """Return corrections with their counts, and the lexemes that have none."""
        found: dict[str, tuple[str, int]] = {}
        unknown = []
        for lexeme in lexemes:
            instead = None
            if can_be_corrected(lexeme):
                rows = await self._database.fetch(_LOOKALIKES, {"word": lexeme, "limit": LOOKALIKES})
                lookalikes: dict[str, int] = dict(rows)
                instead = closest(lexeme, lookalikes.items())
            if instead is None:
                unknown.append(lexeme)
            else:
                found[lexeme] = (instead, lookalikes[instead])
        return found, unknown

    async def _keep_counting(self) -> None:
        while True:
            try:
                await self.refresh()
            except DependencyError as error:
                log.debug("lexicon.not_counted", reason=str(error))
            except Exception:
                log.exception("lexicon.failed")
            await asyncio.sleep(LOOK_EVERY)


def _weight(chunks: int, total: int) -> float:
    return math.log(1 + (total - chunks + 0.5) / (chunks + 0.5))


# One row for each word of the query, or one without a word.
_LOOK_UP = f"""
    WITH statistics AS MATERIALIZED (
        SELECT CASE WHEN chunks < {FEW_CHUNKS} THEN (SELECT count(*) FROM chunks) ELSE chunks END AS chunks,
            chunk_length, document_length, chunks < {FEW_CHUNKS} AS few
        FROM corpus_statistics),
    wanted AS MATERIALIZED (
        SELECT lexeme, ('''' || replace(replace(lexeme, '\\', '\\\\'), '''', '''''') || '''')::tsquery AS query
        FROM unnest(to_tsvector('english', aidb_words(%(query)s))) ORDER BY positions[1] LIMIT {MAX_WORDS})
    SELECT s.chunks, s.chunk_length, s.document_length, w.lexeme,
        CASE WHEN s.few OR l.chunks IS NULL
            THEN coalesce(
                nullif((SELECT count(*) FROM (
                    SELECT FROM chunks c WHERE c.tsv @@ w.query LIMIT {COUNT_AT_MOST}) AS found), 0),
                (SELECT count(*) FROM documents d WHERE d.path_words @@ w.query))
            ELSE l.chunks END
    FROM statistics s LEFT JOIN (wanted w LEFT JOIN lexemes l ON l.word = w.lexeme) ON true"""  # noqa: S608 - constants

_LOOKALIKES = """
    SELECT word, chunks FROM lexemes WHERE word %% %(word)s AND chunks > 0
    ORDER BY similarity(word, %(word)s) DESC, word LIMIT %(limit)s"""

# Counting a million rows takes a tenth of a second: not again while nothing has changed at all.
_CHANGED = """
    SELECT e.epoch, e.epoch IS DISTINCT FROM %(settled)s AND (
        SELECT abs(now.chunks - s.chunks) > %(share)s * s.chunks OR now.newest - s.newest_chunk > %(share)s * s.chunks
        FROM corpus_statistics s, (SELECT count(*) AS chunks, coalesce(max(id), 0) AS newest FROM chunks) AS now)
    FROM search_epoch e"""

# One statement, hence one snapshot: what is counted and how much it was must not be of two moments.
_COUNT = """
    WITH counted AS MATERIALIZED (
        SELECT word, ndoc AS chunks FROM ts_stat('SELECT tsv FROM chunks')
        WHERE ndoc >= %(rare)s * (SELECT count(*) FROM chunks)),
    gone AS (DELETE FROM lexemes l WHERE NOT EXISTS (SELECT FROM counted WHERE counted.word = l.word)),
    described AS (
        UPDATE corpus_statistics SET chunks = c.chunks, newest_chunk = c.newest, counted_at = now(),
            chunk_length = greatest(1, coalesce(c.length, 400)), document_length = greatest(1, coalesce(d.length, 4000))
        FROM (SELECT count(*) AS chunks, coalesce(max(id), 0) AS newest, avg(char_count) AS length FROM chunks) AS c,
            (SELECT avg(size_bytes) AS length FROM documents) AS d)
    INSERT INTO lexemes (word, chunks) SELECT word, chunks FROM counted
    ON CONFLICT (word) DO UPDATE SET chunks = EXCLUDED.chunks WHERE lexemes.chunks <> EXCLUDED.chunks"""
