"""Writes the ONNX file of a model: `export.py MODEL_DIRECTORY MODEL_NAME TARGET_DIRECTORY`."""

import sys
from pathlib import Path

from ai_stack.embeddings.export import export_onnx
from ai_stack.embeddings.model import read_model

model_directory, name, target = sys.argv[1:]
export_onnx(read_model(Path(model_directory), name), Path(target))
