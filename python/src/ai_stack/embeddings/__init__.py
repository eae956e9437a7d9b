"""The embeddings service: the only place where text becomes vectors."""

import os

# Official builds of onnxruntime report to their vendor unless this is set before the library is first imported
# (its Privacy.md, "Disabling Telemetry"); nothing of this service may open a connection by itself.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
