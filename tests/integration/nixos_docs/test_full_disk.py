"""No room for a new index: the one in use stays."""

import os
import resource
from pathlib import Path

from support.http import Keys, api

from .conftest import wait_for
from .test_process import listening, process, write_config


async def test_an_index_that_does_not_fit_leaves_the_one_in_use(keys: Keys, docs: Path, tmp_path: Path) -> None:
    index = tmp_path / "index" / "index.sqlite"
    index.parent.mkdir()
    config = write_config(tmp_path, port=0, api_keys_file=str(keys.path), docs=str(docs), index=str(index))
    async with process(config, OTEL_SDK_DISABLED="true") as child, api(await listening(child), keys.admin) as service:
        await wait_for(service, 200)
        (docs / "wiki" / "ferry.md").write_text("# Ferry\n\nThe ferryman crosses the sound.\n")
        # What a full disk is to the process, without one: no file of it grows beyond 4 KiB (setrlimit(2)).
        soft, hard = resource.prlimit(child.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (4096, hard))

        refused = await service("POST", "/sync")
        assert refused.status == 422, refused.body
        found = await service("POST", "/search", json={"query": "open a port"})
        assert found.json["results"][0]["path"] == "nixos-modules/firewall.md"
        assert (await service("POST", "/search", json={"query": "ferryman"})).json["results"] == []
        assert (await service("GET", "/health/ready")).status == 200
        # Nothing half written stays behind and takes the room that is missing.
        assert os.listdir(index.parent) == [index.name]

        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (soft, hard))
        assert (await service("POST", "/sync")).json["changed"] is True
        assert (await service("POST", "/search", json={"query": "ferryman"})).json["total"] == 1
