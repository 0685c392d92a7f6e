"""TEMP stub until the formats package lands."""
from pathlib import Path
from typing import Literal
from gradcam_cli.storage.digests import sha256
ModelFormat = Literal["keras", "h5", "savedmodel", "onnx", "tflite", "openvino", "explainer"]
def detect_format(path: Path) -> ModelFormat:
    return {".onnx":"onnx",".xml":"openvino",".tflite":"tflite",".keras":"keras",".h5":"h5",".hdf5":"h5"}.get(path.suffix,"savedmodel")
def digest_of(path: Path, format: str) -> str:
    if path.is_dir():
        return sha256(path/"saved_model.pb")
    return sha256(path)
def looks_like_a_path(name: str) -> bool:
    return "/" in name or Path(name).suffix in (".onnx",".xml",".tflite",".keras",".h5",".hdf5") or Path(name).exists()
def files_of(path, format):
    extra = Path(str(path)+".data")
    return (path, extra) if extra.exists() else (path,)
