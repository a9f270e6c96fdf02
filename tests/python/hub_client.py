"""Drives a Hub at HF_ENDPOINT with huggingface_hub itself; tests/it/hub_server.rs makes the repositories.

Prints one line for each thing that works and stops at the first that does not. What went over the wire is
judged by the server's own record, not here.
"""

import os
import re
import sys
from pathlib import Path

import huggingface_hub
from huggingface_hub import HfApi, constants, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    NotASafetensorsRepoError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import _http

MEMBER, STRANGER = os.environ["MEMBER"], os.environ["STRANGER"]
PUBLIC, WIDE, GATED, PRIVATE = "acme/harbor-1b", "acme/wide", "acme/gated", "acme/secret"
RENAMED, MANY = "acme/harbour-1b", 12


def main() -> None:
    api = HfApi(token=False)
    info(api)
    listing(api)
    tree(api)
    downloads()
    headers(api)
    refused(api)
    print(f"huggingface_hub {huggingface_hub.__version__}")


def info(api: HfApi) -> None:
    seen = api.model_info(PUBLIC, files_metadata=True)
    weights = next(file for file in seen.siblings if file.rfilename == "model.safetensors")
    assert weights.size == weights.lfs.size == int(os.environ["SIZE"])
    assert weights.lfs.sha256 == os.environ["SHA256"]
    assert seen.config["model_type"] == "llama" and seen.library_name == "transformers"
    assert seen.card_data.base_model == "acme/harbor-base" and "license:mit" in seen.tags
    assert seen.last_modified.year == 2026 and not seen.gated and not seen.private
    only = api.model_info(WIDE, expand=["safetensors", "sha"])
    assert only.safetensors.total > 0 and only.downloads is None and only.config is None
    assert api.model_info(RENAMED).id == PUBLIC
    refs = api.list_repo_refs(PUBLIC, include_pull_requests=True)
    assert {branch.name for branch in refs.branches} == {"main", "v2"}
    assert refs.pull_requests[0].ref == "refs/pr/1"
    assert api.model_info(PUBLIC, revision="refs/pr/1").sha == refs.pull_requests[0].target_commit
    assert api.whoami(token=MEMBER)["name"] == "member"
    print("info")


def listing(api: HfApi) -> None:
    found = list(api.list_models(filter=["llama", "series"], sort="downloads"))
    assert len(found) == MANY, len(found)
    assert [one.downloads for one in found] == sorted((one.downloads for one in found), reverse=True)
    assert len(list(api.list_models(author="acme", limit=7))) == 7
    full = next(iter(api.list_models(search="harbor-1b", full=True, fetch_config=True)))
    assert full.sha and full.config["model_type"] == "llama" and full.siblings
    assert not [one for one in api.list_models() if one.id == PRIVATE]
    assert [one for one in api.list_models(token=MEMBER) if one.id == PRIVATE]
    print("listing")


def tree(api: HfApi) -> None:
    top = {entry.path: entry for entry in api.list_repo_tree(PUBLIC)}
    assert type(top["onnx"]).__name__ == "RepoFolder"
    assert top["model.safetensors"].lfs.sha256 == os.environ["SHA256"]
    assert len(list(api.list_repo_tree(PUBLIC, "onnx", expand=True))) == 60
    assert "onnx/part-07.json" in api.list_repo_files(PUBLIC)
    paths = api.get_paths_info(PUBLIC, ["config.json", "onnx", "none"])
    assert [one.path for one in paths] == ["config.json", "onnx"]
    print("tree")


def downloads() -> None:
    config = Path(hf_hub_download(PUBLIC, "config.json", token=MEMBER))
    assert config.read_bytes() and "snapshots" in config.parts
    blob = config.resolve().name
    assert re.fullmatch("[0-9a-f]{40}", blob)
    weights = Path(hf_hub_download(PUBLIC, "model.safetensors", token=MEMBER))
    assert weights.resolve().name == os.environ["SHA256"]
    assert weights.stat().st_size == int(os.environ["SIZE"])
    assert Path(hf_hub_download(PUBLIC, "config.json", revision="v2", token=False)).read_text() == "{}"
    folder = Path(snapshot_download(WIDE, token=False))
    assert len(list(folder.glob("*.safetensors"))) == 3 and (folder / "config.json").exists()
    print("downloads")


def headers(api: HfApi) -> None:
    seen = api.get_safetensors_metadata(WIDE)
    assert seen.sharded and len(seen.files_metadata) == 3
    assert sum(seen.parameter_count.values()) == api.model_info(WIDE).safetensors.total
    try:
        api.get_safetensors_metadata("acme/many-00")
    except NotASafetensorsRepoError:
        print("headers")


def refused(api: HfApi) -> None:
    raises(GatedRepoError, 401, lambda: hf_hub_download(GATED, "config.json", token=False))
    raises(GatedRepoError, 403, lambda: hf_hub_download(GATED, "config.json", token=STRANGER))
    assert api.model_info(GATED).gated == "manual"
    assert hf_hub_download(GATED, "config.json", token=MEMBER)
    raises(RepositoryNotFoundError, 404, lambda: api.model_info(PRIVATE, token=STRANGER))
    raises(RepositoryNotFoundError, 404, lambda: api.model_info("acme/none", token=STRANGER))
    raises(RevisionNotFoundError, 404, lambda: api.model_info(PUBLIC, revision="v9"))
    raises(EntryNotFoundError, 404, lambda: hf_hub_download(PUBLIC, "none.json", token=False))
    raises(EntryNotFoundError, 404, lambda: list(api.list_repo_tree(PUBLIC, "none")))
    assert api.model_info(PRIVATE, token=MEMBER).private
    raises(HfHubHTTPError, 401, lambda: api.model_info(PUBLIC, token="hf_wrong"))
    # Without a token the Hub's 401 carries no code; the client knows it by its URL, wanted to be https.
    raises(HfHubHTTPError, 401, lambda: api.model_info("acme/none"))
    _http.REPO_API_REGEX = re.compile(_http.REPO_API_REGEX.pattern.replace("https:", "https?:"), re.VERBOSE)
    raises(RepositoryNotFoundError, 401, lambda: api.model_info("acme/none"))
    print("refused")


def raises(kind: type[Exception], status: int, call) -> None:
    try:
        call()
    except kind as error:
        assert error.response.status_code == status, error
        assert type(error) is kind or kind is EntryNotFoundError, type(error)
    else:
        sys.exit(f"{kind.__name__} was expected")


if __name__ == "__main__":
    assert constants.ENDPOINT.startswith("http://127.0.0.1:"), constants.ENDPOINT
    main()
