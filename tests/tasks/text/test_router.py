"""The loss of a mixture's router acts where it is asked for, or is refused."""

import pytest
import torch

from tests.tasks.conftest import BERT
from zoo.errors import ConfigError
from zoo.recipe.spec.parallel import ParallelSpec
from zoo.tasks.build import build_task, head_class

SIZES = {key: value for key, value in BERT.items() if key != "model_type"}
MIXTRAL = {
    **SIZES, "model_type": "mixtral", "num_key_value_heads": 2, "num_local_experts": 4,
    "num_experts_per_tok": 2, "router_aux_loss_coef": 0.5, "output_router_logits": True,
}  # fmt: skip
DEEPSEEK = {**SIZES, "model_type": "deepseek_v3", "output_router_logits": True}


def test_the_routers_loss_is_added_as_transformers_does(make_recipe, make_source, make_batch):
    task = build_task(make_recipe("causal-lm", config=MIXTRAL), make_source("causal-lm"))
    batch = make_batch(task, task.rows(make_source("causal-lm").train), 2)
    torch.manual_seed(0)
    model = head_class("causal-lm").from_config(task.config).train()
    ids, labels = batch["inputs"]["input_ids"], batch["labels"]["labels"]
    outputs = model(**batch["inputs"])
    ours = task.loss(outputs, batch) / batch["count"]
    plain = task.tally(outputs, batch)["loss"] / batch["count"]
    theirs = model(input_ids=ids, shift_labels=labels, labels=labels).loss
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-6)
    assert (ours - plain).item() == pytest.approx(0.5 * outputs["aux_loss"].item(), rel=1e-5)
    ours.backward()
    assert model.model.layers[0].mlp.gate.weight.grad.abs().sum() > 0
    assert task.notes == []


def test_a_router_without_its_loss_is_said(make_recipe, make_source):
    off = {**MIXTRAL, "output_router_logits": False}
    task = build_task(make_recipe("causal-lm", config=off), make_source("causal-lm"))
    assert len(task.notes) == 1 and "output_router_logits=true adds it" in task.notes[0]


@pytest.mark.parametrize(
    ("kind", "config", "stages", "found"),
    [
        ("causal-lm", MIXTRAL, 2, "true on 2 stages"),
        ("causal-lm", DEEPSEEK, 1, "true for deepseek_v3"),
        ("sequence-classification", MIXTRAL, 1, "true for task.kind sequence-classification"),
    ],
)
def test_where_it_would_not_act_it_is_refused(
    kind, config, stages, found, make_recipe, make_source
):
    parallel = ParallelSpec.model_validate({"pipeline": {"stages": stages}})
    recipe = make_recipe(kind, config=config).model_copy(update={"parallel": parallel})
    with pytest.raises(ConfigError) as caught:
        build_task(recipe, make_source(kind))
    (fault,) = caught.value.faults
    assert (fault.key, fault.found) == ("model.config.output_router_logits", found)
