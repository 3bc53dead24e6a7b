"""Small detectors of every family, as recipes write them."""

from typing import Any

SHARED: dict[str, Any] = {
    **{"d_model": 16, "encoder_layers": 1, "decoder_layers": 2, "encoder_ffn_dim": 16},
    **{"decoder_ffn_dim": 16, "encoder_attention_heads": 2, "decoder_attention_heads": 2},
}
RESNET: dict[str, Any] = {
    **{"model_type": "resnet", "embedding_size": 8, "hidden_sizes": [8, 8, 8]},
    **{"depths": [1, 1, 1], "layer_type": "basic"},
}
ONE_MAP = {**RESNET, "out_features": ["stage3"]}
DETR: dict[str, Any] = {
    **SHARED,
    **{"backbone_config": ONE_MAP, "num_queries": 12, "dropout": 0.0, "auxiliary_loss": True},
}
# Two maps of a 32x32 image have 80 positions, and all of them become queries: which of near ties
# would, is a matter of the last bits.
RT_DETR: dict[str, Any] = {
    **SHARED,
    "backbone_config": {
        **{"model_type": "rt_detr_resnet", "embedding_size": 8, "hidden_sizes": [8, 8]},
        **{"depths": [1, 1], "layer_type": "basic", "out_features": ["stage1", "stage2"]},
    },
    **{"freeze_backbone_batch_norms": False, "encoder_in_channels": [8, 8]},
    **{"encoder_hidden_dim": 16, "feat_strides": [4, 8], "num_feature_levels": 2},
    **{"encode_proj_layers": [1], "decoder_in_channels": [16, 16]},
    **{"num_queries": 80, "num_denoising": 12},
}
HGNET: dict[str, Any] = {
    **{"model_type": "hgnet_v2", "stem_channels": [3, 4, 8], "stage_in_channels": [8, 8]},
    **{"stage_mid_channels": [8, 8], "stage_out_channels": [8, 8], "hidden_sizes": [8, 8]},
    **{"stage_num_blocks": [1, 1], "stage_downsample": [False, True], "depths": [1, 1]},
    **{"stage_downsample_strides": [2, 2], "stage_light_block": [False, True]},
    **{"stage_kernel_size": [3, 3], "stage_numb_of_layers": [1, 1]},
    "out_features": ["stage1", "stage2"],
}
DETECTORS: dict[str, dict[str, Any]] = {
    "rt_detr": {"model_type": "rt_detr", **RT_DETR},
    "rt_detr_v2": {"model_type": "rt_detr_v2", **RT_DETR, "decoder_n_levels": 2},
    "d_fine": {
        **{"model_type": "d_fine", **RT_DETR, "backbone_config": HGNET, "hidden_expansion": 0.5},
    },
    "detr": {"model_type": "detr", **DETR},
    "conditional_detr": {"model_type": "conditional_detr", **DETR},
    "deformable_detr": {
        **{"model_type": "deformable_detr", **DETR, "num_feature_levels": 2},
        **{"backbone_config": {**RESNET, "out_features": ["stage2", "stage3"]}},
        **{"two_stage": True, "with_box_refine": True, "d_model": 32},
        "two_stage_num_proposals": 12,
    },
    "yolos": {
        **{"model_type": "yolos", "hidden_size": 16, "num_hidden_layers": 2},
        **{"num_attention_heads": 2, "intermediate_size": 16, "patch_size": 8},
        **{"num_detection_tokens": 12, "hidden_dropout_prob": 0.0},
        "attention_probs_dropout_prob": 0.0,
    },
}
NOISY = ("rt_detr", "rt_detr_v2", "d_fine")
"""Those that learn from noisy copies of boxes, and cannot recompute activations."""
