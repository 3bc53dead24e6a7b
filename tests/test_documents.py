"""The guides are true: their commands run, their links lead somewhere, their files are there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.benchmarks.page import PAGE, page
from tests.commands import forked
from tests.documents import GUIDES, LINK, MARKS, ROOT, Block, blocks, prose
from tests.own_data import write_own_data
from zoo.recipe import load_recipe
from zoo.recipe.compose.json_text import parse
from zoo.telling.listing import HEADS, catalog_rows

ALL = [block for guide in GUIDES for block in blocks(guide)]
NAMED = re.compile(r"`((?:zoo|tests|configs|launchers)/[\w./-]+)`")


def place(guide: str, folder: Path) -> Path:
    """A working directory as the guide's reader has it: own data, and the files it tells of."""
    write_own_data(folder)
    (folder / "launchers").symlink_to(ROOT / "launchers")
    for block in blocks(guide):
        if block.language != "sh" and block.word:
            file = folder / block.word
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("guide", GUIDES)
def test_every_block_of_commands_says_whether_it_runs(guide: str) -> None:
    for block in blocks(guide):
        if block.language == "sh":
            assert block.word in MARKS, f"{guide}:{block.line}"
        assert block.language, f"{guide}:{block.line}"


@pytest.mark.parametrize("guide", GUIDES)
def test_marked_commands_of_a_guide_run(guide: str, tmp_path: Path) -> None:
    there = place(guide, tmp_path)
    for block in blocks(guide):
        if (block.language, block.word) == ("sh", "run"):
            for words in block.commands():
                assert words[0] == "zoo", f"{guide}:{block.line}: {words}"
                done = forked(*words[1:], folder=there)
                assert done.returncode == 0, f"{guide}:{block.line}: {words}\n{done.stderr}"


@pytest.mark.slow
@pytest.mark.parametrize("guide", GUIDES)
def test_all_commands_of_a_guide_that_need_no_cluster_run_in_order(
    guide: str, tmp_path: Path
) -> None:
    there = place(guide, tmp_path)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "DS_ACCELERATOR": "cpu", "OMP_NUM_THREADS": "1"}
    environment |= {"PYTHONPATH": str(ROOT), "ZOO_CACHE": str(tmp_path / "cache")}
    for block in blocks(guide):
        if block.language == "sh" and block.word in ("run", "slow"):
            script = ["bash", "-euo", "pipefail", "-c", block.text]
            done = subprocess.run(
                script, cwd=there, env=environment, capture_output=True, text=True
            )
            assert done.returncode == 0, f"{guide}:{block.line}\n{done.stderr[-3000:]}"


@pytest.mark.parametrize("block", [one for one in ALL if one.word == "elsewhere"], ids=str)
def test_what_runs_elsewhere_names_targets_and_files_that_are_there(block: Block) -> None:
    targets = re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for words in block.commands():
        if words[0] == "make":
            assert set(words[1:]) <= set(targets)
        elif words[:2] == ["python", "-m"]:
            assert (ROOT / words[2].replace(".", "/")).with_suffix(".py").exists(), words
        for word in words:
            if word.startswith(("tests/", "launchers/", "configs/")):
                assert (ROOT / word.split("::")[0]).exists(), word


@pytest.mark.parametrize("guide", GUIDES)
def test_every_link_and_file_of_a_guide_is_there(guide: str) -> None:
    text = prose(guide)
    for link in LINK.findall(text):
        if not link.startswith(("http", "#")):
            assert ((ROOT / guide).parent / link.split("#")[0]).exists(), link
        elif link.startswith("#"):
            assert link[1:] in headings(guide), link
    for name in NAMED.findall(text):
        assert (ROOT / name).exists(), name
    for words in re.findall(r"`(?:pytest|python -m) ([^`]+)`", text):
        for word in words.split():
            if word.startswith("tests/"):
                assert (ROOT / word.split("::")[0]).exists(), word
            elif word.startswith("tests."):
                assert (ROOT / word.replace(".", "/")).with_suffix(".py").exists(), word


def headings(guide: str) -> list[str]:
    """The anchors of a guide as GitHub spells them."""
    found = re.findall(r"^#+ (.+)$", prose(guide), re.MULTILINE)
    return [re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in found]


@pytest.mark.parametrize("block", [one for one in ALL if one.language == "json"], ids=str)
def test_every_json_of_a_guide_is_json(block: Block) -> None:
    parse(block.text, f"{block.guide}:{block.line}")


def test_the_readme_is_read_in_a_few_minutes() -> None:
    assert (ROOT / "README.md").read_text(encoding="utf-8").count("\n") <= 150


def test_the_readme_names_every_model_of_the_catalog_with_its_size() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows, _ = catalog_rows((), False)
    for row in rows:
        model, size = row[HEADS.index("model")], row[HEADS.index("parameters")]
        assert re.search(rf"\b{model}\b", text), model
        other_head = any(word in row[0] for word in ("finetune", "squad", "lora"))
        assert size in text or other_head, row


def test_the_page_of_measured_tables_is_put_together_from_its_results() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def test_the_kubernetes_file_starts_a_recipe_of_the_catalog_on_all_its_pods() -> None:
    text = (ROOT / "launchers" / "kubernetes.yaml").read_text(encoding="utf-8")
    service, job = yaml.safe_load_all(text)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    words = container["command"]
    machines = job["spec"]["completions"]
    assert f"--nnodes={machines}" in words and job["spec"]["parallelism"] == machines
    name, service_name = job["metadata"]["name"], service["metadata"]["name"]
    assert f"--master_addr={name}-0.{service_name}" in words
    assert job["spec"]["template"]["spec"]["subdomain"] == service_name
    recipe, *changes = words[words.index("train") + 1 :]
    assert load_recipe(recipe, changes).name == recipe
