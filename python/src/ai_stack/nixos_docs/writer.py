"""Fills the tables of documentation in an index."""

import sqlite3
from collections import Counter

from ai_stack.nixos_docs import schema
from ai_stack.nixos_docs.publications import publication, section_url
from ai_stack.nixos_docs.sections import Document
from ai_stack.nixos_docs.sources import Source, SourceFile
from ai_stack.nixos_docs.words import bigrams, camel_phrases, vocabulary

# A word that stands in one section only is as likely a misspelling itself.
_MIN_SECTIONS_OF_SUGGESTION = 2


class IndexWriter:
    """Adds documents to the tables of an index, in the order of their paths."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._documents = 0
        self._files: Counter[str] = Counter()
        self._sections: Counter[str] = Counter()
        self._sources: dict[str, Source] = {}
        self._words: Counter[str] = Counter()

    @property
    def sections(self) -> int:
        """Sections written so far."""
        return self._sections.total()

    def add(self, file: SourceFile, document: Document) -> None:
        """Add one document. Sections without text are left out: their headings stand in the paths of those below."""
        source = file.source
        where = publication(source.name, source.base_url)
        relative = file.path.split("/", 1)[1]
        path_words = _words_of_path(relative)
        self._documents += 1
        self._files[source.name] += 1
        self._sources[source.name] = source
        self._database.execute(
            "INSERT INTO documents VALUES (?, ?, ?, ?)", (self._documents, source.name, file.path, document.title)
        )
        chosen = ""
        texts: list[tuple[str, str, str]] = []
        for section in document.sections:
            chosen = section.anchor if section.explicit else chosen
            if not section.body.strip():
                continue
            self._sections[source.name] += 1
            number = self.sections
            heading = schema.HEADING_SEPARATOR.join(section.headings)
            keywords = "" if texts else document.keywords
            aliases = f"{keywords}\n{_aliases(f'{heading} {section.body}')}"
            self._database.execute(
                "INSERT INTO sections VALUES (?, ?, ?, ?, ?, ?)",
                (
                    number,
                    self._documents,
                    heading,
                    section.anchor,
                    section_url(where, relative, section.anchor, chosen),
                    section.first + 1,
                ),
            )
            self._database.execute("INSERT INTO bodies VALUES (?, ?)", (number, section.body))
            self._database.execute(
                "INSERT INTO sections_text (rowid, path, title, heading, body, aliases) VALUES (?, ?, ?, ?, ?, ?)",
                (number, path_words, document.title, heading, section.body, aliases),
            )
            texts.append((section.headings[-1] if section.headings else "", section.body, aliases))
            self._words.update(vocabulary(f"{document.title} {heading} {section.body}"))
        self._database.execute(
            "INSERT INTO documents_text (rowid, path, title, heading, body, aliases) VALUES (?, ?, ?, ?, ?, ?)",
            (self._documents, path_words, document.title, *("\n".join(text[n] for text in texts) for n in range(3))),
        )

    def finish(self) -> None:
        """Write what is known only at the end."""
        for name in sorted(self._sources):
            where = publication(name, self._sources[name].base_url)
            self._database.execute(
                "INSERT INTO sources VALUES (?, ?, ?, ?, ?, ?)",
                (name, where.title, where.kind, where.web_url, self._files[name], self._sections[name]),
            )
        suggestions = sorted(item for item in self._words.items() if item[1] >= _MIN_SECTIONS_OF_SUGGESTION)
        for number, (word, sections) in enumerate(suggestions, start=1):
            self._database.execute("INSERT INTO words VALUES (?, ?, ?)", (number, word, sections))
            self._database.execute(
                "INSERT INTO words_bigrams (rowid, bigrams) VALUES (?, ?)", (number, " ".join(bigrams(word)))
            )


def _words_of_path(path: str) -> str:
    return "".join(letter if letter.isalnum() else " " for letter in path.rsplit(".", 1)[0])


def _aliases(text: str) -> str:
    return "\n".join(" ".join(parts) for parts in camel_phrases(text))
