"""The service as a process: what it loads, what it opens, how it ends."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import aiohttp

from support.http import Keys
from support.waiting import PATIENCE

_INSPECT = """
import json, os, sys
from pathlib import Path
from ai_stack.embeddings.loader import load_model
from ai_stack.embeddings.settings import EmbeddingsSettings
settings = EmbeddingsSettings(model_dir=sys.argv[1], cache_dir=sys.argv[2])
load_model(settings)
links = [os.readlink(entry) for entry in Path("/proc/self/fd").iterdir() if entry.exists()]
print(json.dumps({
    "modules": sorted(name for name in sys.modules if "." not in name),
    "sockets": [link for link in links if link.startswith("socket:")],
}))
"""


def test_a_start_needs_no_torch_and_opens_and_writes_nothing_else(
    model_dir: Path, model_cache_dir: Path, tmp_path: Path
) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    command = [sys.executable, "-c", _INSPECT, str(model_dir), str(model_cache_dir)]
    for _ in range(2):  # the first may write the ONNX file
        done = subprocess.run(command, env=environ, capture_output=True, check=True, timeout=120)
    found = json.loads(done.stdout)
    assert not {"torch", "transformers", "sentence_transformers", "onnx"} & set(found["modules"])
    assert found["sockets"] == []
    assert list(tmp_path.iterdir()) == []


async def test_the_process_is_ready_with_its_model_and_ends_with_0(
    model_dir: Path, model_cache_dir: Path, keys: Keys, tmp_path: Path
) -> None:
    config = tmp_path / "config.json"
    unix_socket = tmp_path / "http.sock"
    content = {
        "unix_socket": str(unix_socket),
        "api_keys_file": str(keys.path),
        "model_dir": str(model_dir),
        "cache_dir": str(model_cache_dir),
    }
    config.write_text(json.dumps(content))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        environ = {"PATH": os.environ["PATH"], "NOTIFY_SOCKET": str(tmp_path / "notify")}
        arguments = [sys.executable, "-m", "ai_stack.embeddings", "--config", str(config)]
        child = await asyncio.create_subprocess_exec(*arguments, env=environ, stderr=asyncio.subprocess.PIPE)
        try:
            async with asyncio.timeout(PATIENCE):
                while b"READY=1" not in await asyncio.get_running_loop().sock_recv(manager, 1000):
                    pass
            async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(unix_socket))) as session:
                headers = {"X-API-Key": keys.read}
                async with session.post("http://x/embed", json={"inputs": "a"}, headers=headers) as answer:
                    assert answer.status == 200
            child.send_signal(signal.SIGTERM)
            _, log = await asyncio.wait_for(child.communicate(), 30)
        finally:
            if child.returncode is None:
                child.kill()
                await child.communicate()
    assert child.returncode == 0
    events = [json.loads(line)["event"] for line in log.splitlines()]
    assert "model.loaded" in events
    assert events[-1] == "service.stopped"


def test_a_missing_model_directory_exits_with_78(keys: Keys, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"api_keys_file": str(keys.path), "model_dir": str(tmp_path / "none")}))
    command = [sys.executable, "-m", "ai_stack.embeddings", "--config", str(config), "--check"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert done.returncode == os.EX_CONFIG
    assert done.stderr.count(b"\n") == 1
    assert b"model_dir" in done.stderr
