"""A workflow as ComfyUI exports it for the API, with placeholders."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

WORKFLOW: dict[str, Any] = {
    "1": {"class_type": "UNETLoader", "inputs": {"unet_name": "wan2.2_ti2v_5B_fp16.safetensors"}},
    "2": {"class_type": "CLIPLoader", "inputs": {"clip_name": "umt5_xxl_fp8.safetensors"}},
    "3": {"class_type": "CLIPTextEncode", "inputs": {"text": "{{prompt}}, film grain", "clip": ["2", 0]}},
    "4": {
        "class_type": "EmptyHunyuanLatentVideo",
        "inputs": {"width": "{{width}}", "height": "{{height}}", "length": "{{frames:16}}", "batch_size": 1},
    },
    "5": {
        "class_type": "KSampler",
        "inputs": {"seed": "{{seed}}", "steps": 20, "model": ["1", 0], "latent_image": ["4", 0]},
    },
    "6": {"class_type": "VAEDecode", "inputs": {"samples": ["5", 0], "vae": ["1", 2]}},
    "7": {"class_type": "CreateVideo", "inputs": {"images": ["6", 0], "fps": 16}},
    "8": {"class_type": "SaveVideo", "inputs": {"video": ["7", 0], "filename_prefix": "video/dayreel"}},
}


def write_workflow(root: Path, graph: Mapping[str, Any] = WORKFLOW) -> None:
    """Write it where `video.model: workflow` looks for it."""
    (root / "workflows").mkdir(exist_ok=True)
    (root / "workflows" / "workflow.json").write_text(json.dumps(graph), encoding="utf-8")
