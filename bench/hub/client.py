"""What huggingface_hub makes of the test hub: downloads everything, checks what lands in its cache.

    python client.py < expected.json

`expected.json` comes from run.mjs: the repositories, and of every revision its commit and files with the
name that the cache gives to each (its SHA-256 where it is LFS, else git's id). HF_ENDPOINT names the hub.
Any difference is an exception.
"""

import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path

from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)


def main() -> None:
    expected = json.load(sys.stdin)
    for repo in expected["downloads"]:
        for revision, commit in repo["revisions"].items():
            each_file(repo, revision, commit)
            snapshot(repo, revision, commit)
    metadata(expected["downloads"][0], expected["token"])
    refusals(**expected["refusals"])


def each_file(repo: dict, revision: str, commit: dict) -> None:
    with tempfile.TemporaryDirectory() as cache:
        for path, file in commit["files"].items():
            found = hf_hub_download(repo["id"], path, revision=revision, cache_dir=cache, token=repo["token"])
            check_file(Path(found), file)
        check_cache(Path(cache), repo["stored_as"], revision, commit)
    print(f"hf_hub_download    {repo['id']} {revision}")


def snapshot(repo: dict, revision: str, commit: dict) -> None:
    with tempfile.TemporaryDirectory() as cache:
        folder = snapshot_download(repo["id"], revision=revision, cache_dir=cache, token=repo["token"])
        check_cache(Path(cache), repo["stored_as"], revision, commit)
        found = {str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file()}
        equal(found, set(commit["files"]))
        for path, file in commit["files"].items():
            check_file(Path(folder) / path, file)
    print(f"snapshot_download  {repo['id']} {revision}")


def check_file(path: Path, file: dict) -> None:
    equal(hashlib.sha256(path.read_bytes()).hexdigest(), file["sha256"])
    equal(path.resolve().name, file["etag"])


def check_cache(cache: Path, repo: str, revision: str, commit: dict) -> None:
    stored = cache / f"models--{repo.replace('/', '--')}"
    equal([path.name for path in (stored / "snapshots").iterdir()], [commit["id"]])
    equal({path.name for path in (stored / "blobs").iterdir()}, {file["etag"] for file in commit["files"].values()})
    if revision != commit["id"]:
        equal((stored / "refs" / revision).read_text(), commit["id"])


def metadata(repo: dict, token: str) -> None:
    api = HfApi(token=token)
    main = repo["revisions"]["main"]
    info = api.model_info(repo["id"], files_metadata=True)
    equal(info.sha, main["id"])
    equal(info.card_data.license, "mit")
    equal({file.rfilename for file in info.siblings}, set(main["files"]))
    tree = [file for file in api.list_repo_tree(repo["id"], recursive=True, expand=True) if hasattr(file, "size")]
    paths = api.get_paths_info(repo["id"], list(main["files"]), expand=True)
    for listed in (tree, paths):
        equal({file.path: file.lfs.sha256 if file.lfs else file.blob_id for file in listed}, etags(main))
    equal({file.rfilename: file.lfs.sha256 if file.lfs else file.blob_id for file in info.siblings}, etags(main))
    refs = api.list_repo_refs(repo["id"], include_pull_requests=True)
    equal([ref.target_commit for ref in refs.branches], [main["id"]])
    equal([ref.ref for ref in refs.pull_requests], ["refs/pr/1"])
    equal(api.whoami()["name"], "tester")
    print("model_info, list_repo_tree, get_paths_info, list_repo_refs, whoami")


def etags(commit: dict) -> dict:
    return {path: file["etag"] for path, file in commit["files"].items()}


def refusals(public: str, private: str, gated: str, other_token: str) -> None:
    for error, repo, path, revision, token in (
        (EntryNotFoundError, public, "none.json", "main", False),
        (RevisionNotFoundError, public, "config.json", "none", False),
        # Without a token the hub says 401 and no more; the client reads "not found" into that for https alone.
        (HfHubHTTPError, "owner/none", "config.json", "main", False),
        (HfHubHTTPError, private, "config.json", "main", False),
        (RepositoryNotFoundError, "owner/none", "config.json", "main", other_token),
        (RepositoryNotFoundError, private, "config.json", "main", other_token),
        (GatedRepoError, gated, "config.json", "main", False),
        (GatedRepoError, gated, "config.json", "main", other_token),
        (HfHubHTTPError, public, "config.json", "main", "hf_nobody"),
    ):
        with tempfile.TemporaryDirectory() as cache:
            try:
                hf_hub_download(repo, path, revision=revision, cache_dir=cache, token=token)
            except error:
                continue
            except Exception as other:
                # A refusal that the client cannot name arrives as the cause of a general one.
                if isinstance(other.__cause__, error):
                    continue
                raise
            raise AssertionError(f"{repo} {path} {revision}: no {error.__name__}")
    print("refusals           each with its own exception")


def equal(found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"found {found!r}, expected {expected!r}")


if __name__ == "__main__":
    assert os.environ["HF_ENDPOINT"].startswith("http://127.0.0.1:")
    main()
