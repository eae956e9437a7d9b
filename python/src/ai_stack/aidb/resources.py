"""Keys under which aidb's parts are found in its application."""

from aiohttp import web

from ai_stack.aidb.database import Database
from ai_stack.aidb.documents import DocumentStore
from ai_stack.aidb.embedder import Embedder
from ai_stack.aidb.embeddings import Embeddings
from ai_stack.aidb.import_worker import ImportWorker
from ai_stack.aidb.indexing import Indexing
from ai_stack.aidb.ingestion import Ingestion
from ai_stack.aidb.jobs import JobStore
from ai_stack.aidb.model_change import ModelChange
from ai_stack.aidb.pdf import PdfReader
from ai_stack.aidb.reembedder import Reembedder
from ai_stack.aidb.search_cache import SearchCache
from ai_stack.aidb.searching import Searching
from ai_stack.aidb.settings import AidbSettings
from ai_stack.aidb.telemetry import Telemetry

DATABASE = web.AppKey("database", Database)
DOCUMENTS = web.AppKey("documents", DocumentStore)
EMBEDDINGS = web.AppKey("embeddings", Embeddings)
EMBEDDER = web.AppKey("embedder", Embedder)
INDEXING = web.AppKey("indexing", Indexing)
INGESTION = web.AppKey("ingestion", Ingestion)
PDF_READER = web.AppKey("pdf_reader", PdfReader)
SEARCHING = web.AppKey("searching", Searching)
JOBS = web.AppKey("jobs", JobStore)
IMPORTS = web.AppKey("imports", ImportWorker)
SETTINGS = web.AppKey("settings", AidbSettings)
MODEL_CHANGE = web.AppKey("model_change", ModelChange)
REEMBEDDER = web.AppKey("reembedder", Reembedder)
TELEMETRY = web.AppKey("telemetry", Telemetry)
SEARCH_CACHE = web.AppKey("search_cache", SearchCache)
