"""Names that upstream never promised still stand where the zoo leans on them: an upgrade of
transformers, torch, accelerate or DeepSpeed fails here first, and says which of our files it hits.
"""

import ast
import re
from pathlib import Path
from types import SimpleNamespace as Stub
from typing import Any

import pytest
import torch
import torch.distributed as dist
from deepspeed.runtime.constants import PIPE_REPLICATED
from deepspeed.runtime.engine import DeepSpeedEngine
from deepspeed.runtime.fp16 import unfused_optimizer
from deepspeed.runtime.utils import is_model_parallel_parameter
from torch import nn
from transformers import AutoConfig, GPT2Config, GPT2LMHeadModel

from tests.upstream import (
    Check,
    begins,
    calls,
    declares,
    field,
    has,
    made_with,
    parsed,
    reads,
    says,
    sets,
    source,
    stands,
    takes,
)
from zoo.models.upstream import pipeline_ends, renamed, tied_names
from zoo.planning.loopback import NAME, Loopback, loopback

ZOO = Path(__file__).parents[1] / "zoo"

TF = "transformers.modeling_utils:PreTrainedModel"
BERT = "transformers.models.bert.modeling_bert:BertModel"
PARAKEET = "transformers.models.parakeet.modeling_parakeet:ParakeetEncoder"
CONFORMER = "transformers.models.wav2vec2_conformer.modeling_wav2vec2_conformer"
WAV2VEC2 = f"{CONFORMER}:Wav2Vec2ConformerModel"
HUBERT = "transformers.models.hubert.modeling_hubert:HubertModel"
MASKS, CORE = "transformers.masking_utils", "transformers.core_model_loading"
LAUNCH, PLUGIN = "accelerate.utils.launch", "accelerate.utils.dataclasses:DeepSpeedPlugin"
ENGINE = "deepspeed.runtime.engine:DeepSpeedEngine"
PIPE = "deepspeed.runtime.pipe.engine:PipelineEngine"
MODULE, TOPOLOGY = "deepspeed.runtime.pipe.module", "deepspeed.runtime.pipe.topology"
UNFUSED = "deepspeed.runtime.fp16.unfused_optimizer:FP16_UnfusedOptimizer"
SCALER, LINK = "deepspeed.runtime.fp16.loss_scaler", "deepspeed.utils.tensor_fragment"
ZERO = "deepspeed.runtime.zero.stage_1_and_2:DeepSpeedZeroOptimizer"
OFFLOAD = "deepspeed.runtime.zero.parameter_offload:DeepSpeedZeRoOffload"
ZERO_3 = "deepspeed.runtime.zero.stage3:DeepSpeedZeroOptimizer_Stage3"
INIT = "deepspeed.runtime.zero.partition_parameters:Init"
SCHEDULES = "deepspeed.runtime.lr_schedules"
BROUGHT = (
    "ACCELERATE_DEEPSPEED_CONFIG_FILE ACCELERATE_DEEPSPEED_ZERO_STAGE "
    "ACCELERATE_DEEPSPEED_OFFLOAD_OPTIMIZER_DEVICE ACCELERATE_DEEPSPEED_OFFLOAD_PARAM_DEVICE "
    "ACCELERATE_GRADIENT_ACCUMULATION_STEPS ACCELERATE_GRADIENT_CLIPPING"
)

# By the file or room of ours that leans on it: what upstream has, how it is looked for, the names.
TABLE: dict[str, list[tuple[str, Check, str]]] = {
    "models/upstream.py": [
        (TF, has, "_init_weights _supports_sdpa"),
        (f"{TF}._init_weights", begins, "self,module"),
        ("transformers.models.auto.auto_factory:_BaseAutoModelClass", has, "_model_mapping"),
        ("transformers:PreTrainedConfig", has, "base_model_pp_plan base_model_tp_plan"),
        ("transformers:PreTrainedConfig", has, "_attn_implementation"),
        ("transformers.conversion_mapping:get_model_conversion_mapping", begins, "model"),
        (CORE, has, "WeightConverter WeightRenaming"),
        (f"{CORE}:rename_source_key", begins, "source_key,weight_renamings,weight_converters,"
            "base_model_prefix,meta_state_dict"),
        ("transformers.utils.hub:cached_file", begins, "path_or_repo_id,filename"),
        ("transformers.utils.hub:cached_file", calls, "cached_files"),
        ("transformers.utils.hub:cached_files", takes,
            "revision _raise_exceptions_for_missing_entries"),
        (f"{MASKS}:create_causal_mask", takes,
            "config inputs_embeds attention_mask past_key_values position_ids"),
        (f"{MASKS}:create_bidirectional_mask", takes, "config inputs_embeds attention_mask"),
        (f"{BERT}._create_attention_masks", takes, "attention_mask encoder_attention_mask "
            "embedding_output encoder_hidden_states past_key_values"),
        (f"{PARAKEET}._get_output_attention_mask", begins, "self,attention_mask"),
        (f"{PARAKEET}._get_output_attention_mask", takes, "target_length"),
        (f"{HUBERT}._get_feature_vector_attention_mask", begins,
         "self,feature_vector_length,attention_mask"),
        (f"{HUBERT}._mask_hidden_states", takes, "attention_mask"),
        (f"{WAV2VEC2}._get_feature_vector_attention_mask", begins,
            "self,feature_vector_length,attention_mask"),
        (f"{WAV2VEC2}._get_feature_vector_attention_mask", takes, "add_adapter"),
        (f"{WAV2VEC2}._mask_hidden_states", begins, "self,hidden_states"),
        (f"{WAV2VEC2}._mask_hidden_states", takes, "attention_mask"),
        ("transformers.modeling_outputs:MoeModelOutputWithPast", field,
            "last_hidden_state past_key_values hidden_states attentions router_logits"),
        (TF, has, "loss_function"),
        ("accelerate:PartialState", has, "_shared_state"),
        ("transformers.loss.loss_for_object_detection:ImageLoss.forward", reads, "_shared_state"),
        ("peft.tuners.tuners_utils:BaseTunerLayer", has, "_disable_adapters"),
        ("torch:Tensor", has, "_version"),
        ("torch.nn:Module", made_with, "_non_persistent_buffers_set"),
        ("torch.nn.modules.batchnorm", has, "_BatchNorm"),
        ("torch:ops.mkldnn", has, "_is_mkldnn_fp16_supported"),
    ],
    "models": [
        (TF, has, "base_model base_model_prefix"),
        (f"{TF}.tie_weights", takes, "recompute_mapping"),
        ("transformers.pytorch_utils:Conv1D.__init__", sets, "nf nx weight bias"),
        ("torch.nn:Module", made_with, "_parameters _buffers"),
        ("torch.cuda", has, "default_generators"),
        ("deepspeed.runtime.utils:is_model_parallel_parameter", reads, "tensor_model_parallel"),
    ],
    "training/world.py": [("torch.distributed", has, "HashStore")],
    "planning/loopback.py": [
        ("torch.distributed:ProcessGroup", has,
            "rank size allreduce allgather alltoall_base reduce_scatter_single"),
        ("torch.distributed:Backend", has, "backend_list"),
        ("torch.distributed:Backend.register_backend", begins, "name,func"),
        ("torch.distributed:Backend.register_backend", takes, "devices"),
    ],
    "launching/commands.py": [
        ("deepspeed.launcher.runner:parse_args", says, "--hostfile --num_nodes --num_accelerators "
            "--include --force_multi --master_port --no_local_rank --module"),
        ("deepspeed.launcher.runner:main", says, "localhost"),
    ],
    "launching/shell.py": [
        ("deepspeed.launcher.runner", has, "EXPORT_ENVS"),
        ("deepspeed.launcher.runner:main", reads, "export_envs"),
        ("deepspeed.launcher.multinode_runner:PDSHRunner.get_cmd", says, "pdsh --node_rank=%n"),
    ],
    "launching/conflicts.py": [
        (f"{LAUNCH}:prepare_deepspeed_cmd_env", says,
            f"ACCELERATE_USE_DEEPSPEED ACCELERATE_MIXED_PRECISION {BROUGHT}"),
        (f"{LAUNCH}:prepare_simple_launcher_cmd_env", says,
            "ACCELERATE_MIXED_PRECISION ACCELERATE_USE_CPU ACCELERATE_DYNAMO_BACKEND MASTER_ADDR"),
        (f"{LAUNCH}:prepare_multi_gpu_env", says, "ACCELERATE_USE_FSDP "
            "ACCELERATE_USE_MEGATRON_LM ACCELERATE_DYNAMO_BACKEND"),
        (f"{LAUNCH}:prepare_extend_env_parallelism_config", says,
            "ACCELERATE_USE_PARALLELISM_CONFIG"),
        (f"{PLUGIN}.__post_init__", says, f"{BROUGHT} auto none"),
        (PLUGIN, field, "hf_ds_config zero_stage offload_optimizer_device offload_param_device "
            "gradient_accumulation_steps gradient_clipping"),
    ],
    "compression/optimizers": [
        (f"{UNFUSED}.__init__", calls, "initialize_optimizer_states"),
        (f"{UNFUSED}.initialize_optimizer_states", calls, "step"),
    ],
    "engines": [
        ("deepspeed:initialize", takes, "model optimizer lr_scheduler config mpu"),
        ("deepspeed:init_distributed", takes, "auto_mpi_discovery verbose"),
        ("deepspeed.utils:logger", has, "setLevel"),
        ("deepspeed.runtime.lr_schedules:WarmupLR.__init__", sets,
            "warmup_num_steps last_batch_iteration"),
        ("deepspeed.runtime.lr_schedules:WarmupCosineLR.__init__", sets,
            "warmup_num_steps last_batch_iteration"),
        ("deepspeed.comm.torch:build_shm_op", reads, "__compatible_ops__"),
        ("deepspeed.comm.torch:TorchBackend.new_group", begins, "self,ranks"),
        ("deepspeed.ops.op_builder.cpu.comm:ShareMemCommBuilder", says, "deepspeed_shm_comm"),
        ("deepspeed.launcher.launch:main", says, "LOCAL_SIZE"),
        ("deepspeed.runtime.zero.muon.original_muon", has, "zeropower_via_newtonschulz5"),
        ("torch._dynamo.eval_frame:_optimize", says, "TORCHDYNAMO_DISABLE"),
        ("deepspeed.zero", has, "Init"),
        (f"{INIT}.__init__", declares,
            "module config_dict_or_path data_parallel_group"),
        (f"{INIT}._convert_to_deepspeed_param", sets,
            "ds_id ds_shape ds_numel ds_tensor all_gather partition"),
        (ENGINE, has, "zero_optimization zero_optimization_stage gradient_clipping get_data_types "
            "get_global_grad_norm clip_fp32_gradients _take_model_step step zero_grad destroy"),
        (f"{ENGINE}.__init__", sets, "optimizer basic_optimizer lr_scheduler global_steps "
            "skipped_steps enable_backward_allreduce"),
        (f"{ENGINE}._set_distributed_vars", sets, "device"),
        (f"{ENGINE}._configure_optimizer", sets, "basic_optimizer optimizer"),
        (f"{ENGINE}._configure_fp16_optimizer", calls, "FP16_UnfusedOptimizer"),
        (f"{ENGINE}.backward", declares, "loss scale_wrt_gas"),
        (f"{ENGINE}._backward_epilogue", reads, "enable_backward_allreduce"),
        (f"{ENGINE}._take_model_step", begins, "self,lr_kwargs"),
        (f"{ENGINE}._take_model_step", calls, "clip_fp32_gradients step"),
        (f"{ENGINE}._take_model_step", says, "overflow"),
        (f"{ENGINE}._take_model_step", sets, "skipped_steps global_steps"),
        ("deepspeed.runtime.engine", has, "BFLOAT16 ZERO_OPTIMIZATION"),
        (f"{ENGINE}._configure_optimizer", calls, "_do_optimizer_sanity_check"),
        (f"{ENGINE}._do_optimizer_sanity_check", begins, "self,basic_optimizer"),
        (f"{ENGINE}._backward_epilogue", calls, "allreduce_gradients"),
        (f"{PIPE}._exec_reduce_grads", calls, "allreduce_gradients"),
        (f"{ENGINE}._get_gradients_for_reduction", sets, "grad"),
        (f"{ZERO}.backward_epilogue", calls, "fill_grad_accum_attribute"),
        (f"{ZERO}._fill_param_grad_accum_attribute", sets, "grad_accum"),
        (f"{ENGINE}.get_global_grad_norm", reads, "_global_grad_norm"),
        ("deepspeed.pipe", has, "LayerSpec PipelineModule"),
        (f"{MODULE}:LayerSpec", begins, "typename"),
        (f"{MODULE}:LayerSpec.build", takes, "log"),
        (f"{MODULE}:PipelineModule", takes, "layers topology partition_method dynamic_shape"),
        (f"{MODULE}:PipelineModule", has, "get_tied_weights_and_groups"),
        (f"{MODULE}:PipelineModule.__init__", sets, "loss_fn"),
        (f"{MODULE}:PipelineModule._build", calls, "build"),
        (f"{MODULE}:PipelineModule._build", sets, "ds_pipe_replicated"),
        ("deepspeed.runtime.utils:get_weight_norm", reads, "ds_pipe_replicated"),
        (f"{ZERO}.get_grad_norm_direct", reads, "ds_pipe_replicated"),
        (f"{ZERO}.get_grad_norm_direct", begins, "self,gradients,params"),
        (f"{ZERO}.scaled_global_norm", calls, "get_grad_norm_direct"),
        (f"{ZERO}.step", calls, "scaled_global_norm"),
        ("deepspeed.runtime.utils", has, "combine_grad_norm_groups"),
        (f"{PIPE}.train_batch", takes, "data_iter"),
        (f"{PIPE}.eval_batch", takes, "data_iter bcast_loss num_micro_batches"),
        (f"{PIPE}.__init__", sets, "pipeline_enable_backward_allreduce"),
        (f"{PIPE}._exec_reduce_grads", reads, "pipeline_enable_backward_allreduce"),
        (f"{PIPE}._exec_reduce_tied_grads", calls, "get_tied_weights_and_groups"),
        (f"{PIPE}._exec_reduce_tied_grads", reads, "grad"),
        (f"{PIPE}._exec_forward_pass", calls, "loss_fn"),
        (f"{PIPE}._exec_optimizer_step", calls, "_take_model_step"),
        (f"{TOPOLOGY}:PipeModelDataParallelTopology", takes, "num_pp num_mp num_dp"),
        (f"{TOPOLOGY}:PipelineParallelGrid", takes, "topology"),
        (f"{TOPOLOGY}:PipelineParallelGrid", has, "get_data_parallel_group "
            "get_data_parallel_world_size get_model_parallel_group get_model_parallel_rank"),
        (f"{UNFUSED}.__init__", sets, "optimizer fp16_groups fp32_groups loss_scale_config"),
        (UNFUSED, has, "loss_scale refresh_fp32_params"),
        (f"{UNFUSED}.step", calls, "split_params_grads_into_shared_and_expert_params"),
        (f"{ZERO}.__init__", sets, "optimizer loss_scaler single_partition_of_fp32_groups"),
        (ZERO, has, "loss_scale update_lp_params"),
        ("deepspeed.utils.mixed_precision_linkage:link_hp_params", sets, "_hp_mapping"),
        (f"{LINK}:tensor_fragment", field,
            "lp_fragment_address hp_fragment_address param_group_index"),
        (f"{LINK}:fragment_address", field, "start numel"),
        (f"{ZERO_3}.__init__", sets, "optimizer loss_scaler unflatten grad_position "
            "persistent_parameters parameter_offload fp16_partitioned_groups "
            "fp16_partitioned_groups_flat fp32_partitioned_groups_flat"),
        (ZERO_3, sets, "grad_partitions_flat_buffer"),
        (OFFLOAD, has, "partition_all_parameters"),
        (ZERO_3, has, "loss_scale get_param_id"),
        (f"{SCALER}:LossScaleConfig", field, "cur_scale cur_iter last_overflow_iter"),
        (f"{SCALER}:DynamicLossScaler", sets,
            "cur_scale cur_iter last_overflow_iter cur_hysteresis"),
        *(
            (f"{SCHEDULES}:{kind}", has, "get_lr get_last_lr step state_dict load_state_dict")
            for kind in ("LRRangeTest", "OneCycle", "WarmupLR", "WarmupDecayLR", "WarmupCosineLR")
        ),
        (f"{SCHEDULES}:WarmupLR", takes, "warmup_max_lr"),
        (f"{SCHEDULES}:WarmupDecayLR", takes, "warmup_max_lr"),
        (f"{SCHEDULES}:WarmupLR.state_dict", says, "last_batch_iteration"),
    ],
}  # fmt: skip
ROWS = [
    pytest.param(subject, check, name, where, id=f"{subject}-{check.__name__}-{name}")
    for where, entries in TABLE.items()
    for subject, check, names in entries
    for name in names.split()
]
FIRST = {(row[0], row[1]): row[2].split()[0] for rows in TABLE.values() for row in rows}


@pytest.mark.parametrize(("subject", "check", "name", "where"), ROWS)
def test_upstream_still_has(subject: str, check: Check, name: str, where: str) -> None:
    assert (ZOO / where).exists()
    assert stands(subject, check, name), f"{subject}: no {name} that zoo/{where} may lean on"


@pytest.mark.parametrize(("subject", "check"), FIRST, ids=lambda it: getattr(it, "__name__", it))
def test_a_name_that_never_was_is_not_found(subject: str, check: Check) -> None:
    assert not stands(subject, check, "a_name_that_never_was")
    assert not stands(f"{subject}_that_never_was", check, FIRST[subject, check])


def test_a_parameter_in_another_place_is_not_the_first() -> None:
    assert not begins("transformers.utils.hub:cached_file", "filename,path_or_repo_id")


def test_a_word_of_a_docstring_is_not_what_the_source_says() -> None:
    assert "LayerSpec" in (ast.get_docstring(source(f"{MODULE}:LayerSpec")) or "")  # type: ignore[arg-type]
    assert not says(f"{MODULE}:LayerSpec", "LayerSpec")


@pytest.mark.parametrize("kind", ["llama", "mistral", "qwen3", "gemma2", "phi3", "mixtral"])
def test_a_plan_begins_with_the_embedding_and_ends_with_the_norm(kind: str) -> None:
    assert pipeline_ends(AutoConfig.for_model(kind)) == ("embed_tokens", "norm")


def test_a_key_that_nothing_renames_is_the_module_s_own_name() -> None:
    assert renamed("layer.weight", ([], []), "model", {}) == ("layer.weight", False)


def test_a_head_is_tied_to_the_embedding() -> None:
    with torch.device("meta"):
        model = GPT2LMHeadModel(GPT2Config(n_layer=1))
    assert tied_names(model) == {"lm_head.weight": "transformer.wte.weight"}


def test_torch_asks_a_process_group_of_ours_by_the_names_that_it_has() -> None:
    assert Loopback(0, 2).name() == NAME
    assert Loopback._reduce_scatter_base is Loopback.reduce_scatter_single  # older releases' name
    with loopback(2):
        one, two, slots = torch.ones(2), torch.ones(1), [torch.zeros(2), torch.zeros(2)]
        dist.all_reduce(one)
        dist.all_gather(slots, one)
        dist.reduce_scatter_tensor(two, one)
        assert (one.tolist(), two.tolist(), slots[1].tolist()) == ([2.0, 2.0], [4.0], [2.0, 2.0])
        dist.all_to_all_single(one, torch.zeros(2))
        assert one.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16, torch.float16])
def test_the_first_of_the_engine_s_types_is_the_model_s(kind: torch.dtype) -> None:
    engine = Stub(
        fp16_enabled=lambda: kind == torch.float16,
        bfloat16_enabled=lambda: kind == torch.bfloat16,
        _config=Stub(grad_accum_dtype="fp32"),
    )
    assert DeepSpeedEngine.get_data_types(engine)[0] == kind


def test_the_norm_counts_what_is_marked_as_a_tensor_rank_s_own() -> None:
    assert is_model_parallel_parameter(Stub(tensor_model_parallel=True))
    assert not is_model_parallel_parameter(Stub())


def test_the_norm_looks_for_replicas_by_the_name_that_stages_set() -> None:
    assert PIPE_REPLICATED == "ds_pipe_replicated"


def test_a_place_in_zero_3_is_a_group_a_start_and_a_length() -> None:
    kept = [
        node.value
        for node in ast.walk(source(f"{ZERO_3}.set_grad_positions"))
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript)
    ]
    assert [len(value.elts) for value in kept if isinstance(value, ast.List)] == [3]


class Counting(torch.optim.SGD):
    """Remembers the largest gradient of each call."""

    def step(self, closure: Any = None) -> None:
        """Changes nothing."""
        gradients = [p.grad for group in self.param_groups for p in group["params"]]
        self.seen = [*getattr(self, "seen", []), max(float(g.abs().max()) for g in gradients)]


def test_without_zero_masters_take_the_place_of_weights_and_step_once_with_zeros(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(unfused_optimizer.dist, "get_rank", lambda: 0)
    weight = nn.Parameter(torch.ones(3, dtype=torch.bfloat16))
    inner = Counting([weight], lr=1.0)
    wrapped = unfused_optimizer.FP16_UnfusedOptimizer(inner, low_precision_dtype=torch.bfloat16)
    (master,) = inner.param_groups[0]["params"]
    assert master.dtype == torch.float32 and wrapped.fp32_groups == [[master]]
    assert wrapped.fp16_groups == [[weight]] and inner.seen == [0.0]
    weight.data.fill_(2.0)
    wrapped.refresh_fp32_params()
    assert master.tolist() == [2.0, 2.0, 2.0]


def private(node: ast.AST) -> list[Any]:
    """The names that a piece of code asks of others: attributes, imports, keywords, getattr's."""
    match node:
        case ast.Attribute(value=ast.Name(id="self" | "os")):
            return []
        case ast.Attribute(attr=name) | ast.keyword(arg=name):
            return [name]
        case ast.ImportFrom(names=names):
            return [alias.name for alias in names]
        case ast.Call(func=ast.Name(id="getattr" | "hasattr"), args=[_, ast.Constant(name), *_]):
            return [name]
    return []


def own(node: ast.AST) -> list[str]:
    """The names that a piece of code makes: functions, classes, variables, attributes of self."""
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Name(id=name, ctx=ast.Store()):
            return [name]
        case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
            return [name]
    return []


def test_every_private_name_that_we_touch_stands_in_the_table() -> None:
    files = [path for path in ZOO.rglob("*.py") if re.search(r"\b_[a-zA-Z]", path.read_text())]
    nodes = [(path, node) for path in files for node in ast.walk(parsed(str(path)))]
    made, known = {name for _, node in nodes for name in own(node)}, set[str]()
    for row in (row for rows in TABLE.values() for row in rows):
        known |= {*row[0].partition(":")[2].split("."), *row[2].split()}
    touched = {
        (str(name), str(path.relative_to(ZOO)))
        for path, node in nodes
        for name in private(node)
        if re.match("_[^_]", str(name)) and name not in made
    }
    seen = {name for name, _ in touched}
    assert {"_init_weights", "_raise_exceptions_for_missing_entries", "_model_mapping"} <= seen
    assert not {f"{path}: {name}" for name, path in touched if name not in known}
    assert {path for _, path in touched} <= {
        "models/upstream.py",
        "models/adapters/inject.py",  # PEFT's switch: the public one turns gradients too
        "engines/upstream.py",
        "engines/state.py",
        "engines/update/rehearsal.py",
    }
