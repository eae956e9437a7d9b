"""Layout of the index file: one SQLite database (https://www.sqlite.org/fts5.html), written once and never changed."""

from ai_stack.nixos_docs import lexicon

#: "NDOC": tells the file from any other SQLite database.
APPLICATION_ID = 0x4E444F43

#: Raised with every change of the layout or of the way text is cut and indexed: older files are then built anew.
SCHEMA_VERSION = 4

# Bodies stand apart: a search visits every section that has one of the words, and a row without its text is quick to
# reach. The full-text tables are contentless (content=''), so the text is stored once. The documents have one of their
# own, since a page that is about the question all along should come before one that mentions it in passing. `aliases`
# holds other spellings of what the text says: the parts of mixed-case names, the keywords of the header.
DDL = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE sources (
    name TEXT PRIMARY KEY, title TEXT NOT NULL, kind TEXT NOT NULL, web_url TEXT NOT NULL,
    files INTEGER NOT NULL, sections INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE documents (
    id INTEGER PRIMARY KEY, source TEXT NOT NULL REFERENCES sources, path TEXT NOT NULL UNIQUE, title TEXT NOT NULL
);
CREATE TABLE sections (
    id INTEGER PRIMARY KEY, document_id INTEGER NOT NULL REFERENCES documents, heading TEXT NOT NULL,
    anchor TEXT NOT NULL, url TEXT, first_line INTEGER NOT NULL
);
CREATE TABLE bodies (section_id INTEGER PRIMARY KEY REFERENCES sections, body TEXT NOT NULL);
CREATE VIRTUAL TABLE sections_text USING fts5(
    path, title, heading, body, aliases, content='', tokenize='porter unicode61 remove_diacritics 2'
);
CREATE VIRTUAL TABLE documents_text USING fts5(
    path, title, heading, body, aliases, content='', tokenize='porter unicode61 remove_diacritics 2'
);
CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT NOT NULL, sections INTEGER NOT NULL);
CREATE VIRTUAL TABLE words_bigrams USING fts5(
    bigrams, content='', tokenize="unicode61 remove_diacritics 0 tokenchars '^$'"
);
CREATE TABLE options (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, parts TEXT NOT NULL, type TEXT NOT NULL, default_text TEXT,
    example TEXT, description TEXT NOT NULL, declarations TEXT NOT NULL, read_only INTEGER NOT NULL,
    alias_of TEXT NOT NULL, importance REAL NOT NULL
);
CREATE TABLE mentions (
    option INTEGER NOT NULL REFERENCES options, section INTEGER NOT NULL REFERENCES sections,
    PRIMARY KEY (option, section)
) WITHOUT ROWID;
CREATE TABLE renames (
    parts TEXT PRIMARY KEY, replacement TEXT NOT NULL, message TEXT NOT NULL
) WITHOUT ROWID;
{lexicon.ddl("option")}
CREATE TABLE packages (
    number INTEGER PRIMARY KEY, attribute TEXT NOT NULL UNIQUE, name TEXT NOT NULL, version TEXT NOT NULL,
    description TEXT NOT NULL, homepage TEXT NOT NULL, licenses TEXT NOT NULL, main_program TEXT NOT NULL
);
CREATE TABLE package_names (
    name TEXT NOT NULL, number INTEGER NOT NULL REFERENCES packages, PRIMARY KEY (name, number)
) WITHOUT ROWID;
{lexicon.ddl("package")}
"""

FULL_TEXT_TABLES = ("sections_text", "documents_text", "words_bigrams")

#: Collections with a lexicon.
LEXICONS = ("option", "package")

#: Tables whose rows are counted in `meta`.
COUNTED = {
    "documents": "documents",
    "sections": "sections",
    "bodies": "sections",
    "options": "options",
    "packages": "packages",
}

#: Between the headings of a heading path.
HEADING_SEPARATOR = " > "
