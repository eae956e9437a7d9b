"""What handlers find in the application."""

from aiohttp import web

from ai_stack.hybrid_coordinator.augment import Augmenter
from ai_stack.hybrid_coordinator.chat import Chat
from ai_stack.hybrid_coordinator.conversation import Conversation
from ai_stack.hybrid_coordinator.embedder import Embedder
from ai_stack.hybrid_coordinator.garbage import GarbageCollector
from ai_stack.hybrid_coordinator.interactions import Interactions
from ai_stack.hybrid_coordinator.learned import Collections
from ai_stack.hybrid_coordinator.sessions import Sessions
from ai_stack.hybrid_coordinator.settings import HybridSettings
from ai_stack.hybrid_coordinator.statistics import Statistics
from ai_stack.hybrid_coordinator.tokens import TokenCounter
from ai_stack.service.client import ServiceClient

SETTINGS = web.AppKey("settings", HybridSettings)
AUGMENTER = web.AppKey("augmenter", Augmenter)
EMBEDDER = web.AppKey("embedder", Embedder)
COLLECTIONS = web.AppKey("collections", Collections)
STATISTICS = web.AppKey("statistics", Statistics)
INTERACTIONS = web.AppKey("interactions", Interactions)
SESSIONS = web.AppKey("sessions", Sessions)
CONVERSATION = web.AppKey("conversation", Conversation)
GARBAGE = web.AppKey("garbage", GarbageCollector)
CHAT = web.AppKey("chat", Chat)
AIDB_CLIENT = web.AppKey("aidb_client", ServiceClient)
DOCS_CLIENT = web.AppKey("docs_client", ServiceClient)
COUNTER: web.AppKey[TokenCounter] = web.AppKey("counter")
