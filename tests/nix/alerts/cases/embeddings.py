"""Alerts of embeddings."""

from nix.alerts.cases.case import Case

EMBEDDINGS = 'component="embeddings",instance="e",job="ai-stack-embeddings"'
ON_EMBEDDINGS = {"component": "embeddings", "instance": "e", "job": "ai-stack-embeddings"}

CASES = (
    Case(
        "EmbeddingServiceOverloaded",
        at=5,
        fires={f"embeddings_queue_tokens{{{EMBEDDINGS}}}": "60000x10"},
        silent={f"embeddings_queue_tokens{{{EMBEDDINGS}}}": "30000x10"},
        labels=ON_EMBEDDINGS,
        summary="60k tokens wait for the model, of 65536 that may",
    ),
    Case(
        "EmbeddingQueueSlow",
        at=15,
        fires={
            f'embeddings_batch_wait_seconds_bucket{{{EMBEDDINGS},le="{le}"}}': values
            for le, values in {"1": "0+10x20", "3": "0+60x20", "+Inf": "0+60x20"}.items()
        },
        silent={f'embeddings_batch_wait_seconds_bucket{{{EMBEDDINGS},le="1"}}': "0+60x20"},
        labels={"component": "embeddings"},
        summary="Texts wait 2.88s for the model",
    ),
    Case(
        "EmbeddingModelNotLoaded",
        at=15,
        fires={f"up{{{EMBEDDINGS}}}": "1x20", f"embeddings_model_load_seconds{{{EMBEDDINGS}}}": "_x20"},
        silent={f"embeddings_model_load_seconds{{{EMBEDDINGS}}}": "_x4 2.5x20"},
        labels=ON_EMBEDDINGS,
        summary="The model is not loaded at e",
    ),
)
