"""Search by meaning: vectors of the index and of questions, both from the embeddings service."""
