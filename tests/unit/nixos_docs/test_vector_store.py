import sqlite3
from pathlib import Path

import numpy as np
import pytest

from ai_stack.nixos_docs.semantic.embedder import ModelIdentity
from ai_stack.nixos_docs.semantic.store import VectorStore, VectorsUnusable, store_path

MODEL = ModelIdentity(model="m", revision="ab" * 32, dimensions=2)
OTHER = ModelIdentity(model="m", revision="cd" * 32, dimensions=2)
VECTORS = np.array([[1, 0], [0.5, -0.25]], np.float32)


def test_vectors_are_kept_and_found_again(tmp_path: Path) -> None:
    with VectorStore(tmp_path, MODEL) as store:
        store.add([b"a", b"b"], VECTORS)
    with VectorStore(tmp_path, MODEL) as store:
        assert store.known([b"a", b"c"]) == {b"a"}
        assert store.matrix([b"b", b"a"]).tolist() == VECTORS[::-1].tolist()


def test_every_model_has_a_file_of_its_own(tmp_path: Path) -> None:
    assert store_path(tmp_path, MODEL) != store_path(tmp_path, OTHER)
    with VectorStore(tmp_path, MODEL) as store, VectorStore(tmp_path, OTHER) as other:
        store.add([b"a"], VECTORS[:1])
        assert other.known([b"a"]) == set()


def test_a_file_of_another_model_is_refused_and_both_are_named(tmp_path: Path) -> None:
    with VectorStore(tmp_path, OTHER):
        pass
    store_path(tmp_path, OTHER).rename(store_path(tmp_path, MODEL))
    with pytest.raises(VectorsUnusable) as refusal:
        VectorStore(tmp_path, MODEL)
    assert str(MODEL) in str(refusal.value)
    assert str(OTHER) in str(refusal.value)


def test_what_is_not_wanted_any_more_is_dropped(tmp_path: Path) -> None:
    with VectorStore(tmp_path, OTHER) as other:
        other.add([b"a"], VECTORS[:1])
    (tmp_path / "index.sqlite").touch()
    with VectorStore(tmp_path, MODEL) as store:
        store.add([b"a", b"b"], VECTORS)
        store.keep_only([b"b"])
        assert store.known([b"a", b"b"]) == {b"b"}
    assert not store_path(tmp_path, OTHER).exists()
    assert (tmp_path / "index.sqlite").exists()


def test_missing_and_damaged_vectors_are_an_error(tmp_path: Path) -> None:
    with VectorStore(tmp_path, MODEL) as store:
        store.add([b"a"], VECTORS[:1])
        store.add([b"n"], np.full((1, 2), np.nan, np.float32))
        for keys in ([b"a", b"missing"], [b"n"]):
            with pytest.raises(VectorsUnusable):
                store.matrix(keys)


@pytest.mark.parametrize("content", [b"text " * 500, None])
def test_what_is_no_file_of_vectors_is_refused(content: bytes | None, tmp_path: Path) -> None:
    path = store_path(tmp_path, MODEL)
    if content is not None:
        path.write_bytes(content)
    else:
        with sqlite3.connect(path) as database:
            database.execute("PRAGMA application_id = 1")
        database.close()
    with pytest.raises(VectorsUnusable):
        VectorStore(tmp_path, MODEL)


def test_a_directory_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(VectorsUnusable):
        VectorStore(tmp_path / "file", MODEL)
