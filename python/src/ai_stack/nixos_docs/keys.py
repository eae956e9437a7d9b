"""Where the application keeps its parts."""

from aiohttp import web

from ai_stack.nixos_docs.answering import Answers
from ai_stack.nixos_docs.answers import AnswerCache
from ai_stack.nixos_docs.library import Library
from ai_stack.nixos_docs.semantic.state import SemanticState

LIBRARY: web.AppKey[Library] = web.AppKey("library", Library)
ANSWERS: web.AppKey[Answers] = web.AppKey("answers", Answers)
ANSWER_CACHE: web.AppKey[AnswerCache] = web.AppKey("answer_cache", AnswerCache)
SEMANTIC: web.AppKey[SemanticState] = web.AppKey("semantic", SemanticState)
