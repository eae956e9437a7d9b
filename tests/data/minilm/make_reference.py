"""Writes the reference vectors of MiniLM with torch and transformers, which the project itself does not need.

    python3 -m venv /tmp/reference
    /tmp/reference/bin/pip install torch==2.13.0 sentence-transformers safetensors numpy
    /tmp/reference/bin/python make_reference.py MODEL_DIRECTORY

MODEL_DIRECTORY is that of sentence-transformers/all-MiniLM-L6-v2 (weights: sha256 53aa5117…). Written beside this
script: `reference.json` (the texts, their token counts, whether they were cut) and `reference.npz` (float32, one row
per text: mean pooled, not scaled to unit length); there each text is computed alone, so no padding is involved. And
`sentence_transformers.npz` (float16, unit length): what that library's own `encode` gives for the texts of `texts.py`.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from texts import digest, mixed_texts
from transformers import AutoModel, AutoTokenizer

MAX_SEQUENCE_LENGTH = 256  # sentence_bert_config.json
HERE = Path(__file__).parent

SENTENCES = [
    "a",
    "NixOS",
    "Hello, world!",
    "How do I roll back a NixOS generation?",
    "The quick brown fox jumps over the lazy dog.",
    "services.nginx.enable = true; networking.firewall.allowedTCPPorts = [ 80 443 ];",
    "def add(a: int, b: int) -> int:\n    return a + b\n",
    "SELECT id, title FROM documents WHERE project = 'default' ORDER BY added_at DESC LIMIT 10;",
    "error: attribute 'pkgs' missing\n\n       at /etc/nixos/configuration.nix:12:5",
    "https://example.org/path?query=value#fragment",
    "E = mc² and ∑ᵢ xᵢ ≤ √(n·∑ᵢ xᵢ²)",
    "UPPER lower MiXeD cAsE",
    "naïve café façade coöperate Ångström",
    "  leading and trailing blanks, a\ttab, and\u00a0a no-break space  ",
    "Übergrößenträger: Straße, Fußgänger, äöüß.",
    "Le cœur déçu mais l'âme plutôt naïve, Louÿs rêva de crapaüter.",
    "El veloz murciélago hindú comía feliz cardillo y kiwi.",
    "Zażółć gęślą jaźń",
    "Příliš žluťoučký kůň úpěl ďábelské ódy",
    "Pijamalı hasta yağız şoföre çabucak güvendi. İstanbul ı",
    "Съешь же ещё этих мягких французских булок, да выпей чаю.",
    "Ξεσκεπάζω τὴν ψυχοφθόρα βδελυγμία.",
    "דג סקרן שט בים מאוכזב ולפתע מצא חברה",
    "نص حكيم له سر قاطع وذو شأن عظيم",
    "ऋषियों को सताने वाले दुष्ट राक्षसों का सर्वनाश",
    "เป็นมนุษย์สุดประเสริฐเลิศคุณค่า",
    "我能吞下玻璃而不伤身体。",
    "いろはにほへと ちりぬるを カタカナ",
    "다람쥐 헌 쳇바퀴에 타고파",
    "ქართული ანბანი",
    "Բոլոր մարդիկ ծնվում են ազատ",
    "👩‍🚀🚀 launched; 🇩🇪 flags and ❤️ too",
    "zero\u200bwidth, soft\u00adhyphen, combining e\u0301, \ufeffBOM",
    "Pneumonoultramicroscopicsilicovolcanoconiosis",
    "0123456789 3.14159 -42 1e-12 0xdeadbeef",
    "[CLS] special [SEP] tokens [MASK] in [PAD] text [UNK]",
    "!!! ??? ... ,,, --- ((( )))",
]
PARAGRAPH = (
    "A deployment of several services on one machine needs units, users, credentials, routes and probes. "
    "Every service states what it depends on, and starts when that answers. "
)


def main() -> None:
    """Compute and write the reference."""
    texts = [
        *SENTENCES,
        PARAGRAPH.strip(),
        (PARAGRAPH * 3).strip(),
        (PARAGRAPH * 6).strip(),
        "word " * 253 + "word",  # exactly the longest input
        "word " * 254 + "word",  # one token more
        PARAGRAPH * 40,
        "玻璃" * 600,
    ]
    directory = sys.argv[1]
    tokenizer = AutoTokenizer.from_pretrained(directory)
    model = AutoModel.from_pretrained(directory).eval()
    described = []
    vectors = []
    for text in texts:
        full = tokenizer(text, truncation=False, padding=False)["input_ids"]
        inputs = tokenizer(text, truncation=True, max_length=MAX_SEQUENCE_LENGTH, padding=False, return_tensors="pt")
        with torch.no_grad():
            hidden = model(**inputs).last_hidden_state[0]
        tokens = hidden.shape[0]
        described.append({"text": text, "tokens": tokens, "truncated": len(full) > tokens})
        vectors.append(hidden.mean(dim=0).numpy())
    content = json.dumps(described, ensure_ascii=True, indent=1)
    (HERE / "reference.json").write_text(content + "\n", encoding="ascii")
    np.savez_compressed(HERE / "reference.npz", pooled=np.stack(vectors).astype(np.float32))
    mixed = mixed_texts(SENTENCES)
    encoded = SentenceTransformer(directory, device="cpu").encode(mixed)
    np.savez(HERE / "sentence_transformers.npz", vectors=encoded.astype(np.float16), texts=digest(mixed))


if __name__ == "__main__":
    main()
