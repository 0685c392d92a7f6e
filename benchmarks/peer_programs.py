"""Grad-CAM with VGG16 by other libraries, where they are installed: as processes to measure."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Command

SCRIPTS = Path(__file__).with_name("peer_scripts")


@dataclass(frozen=True)
class Peer:
    """A library: its name, the module that has to be there, and the script that uses it."""

    name: str
    module: str
    script: str


PEERS = (
    Peer("torch-cam", "torchcam", "torch_cam.py"),
    Peer("captum", "captum", "captum_gradcam.py"),
    Peer("pytorch-grad-cam", "pytorch_grad_cam", "torch_grad_cam.py"),
)
_NEEDED = ("torch", "torchvision", "h5py", "cv2")


@dataclass(frozen=True)
class PeerPrograms:
    """The libraries that are installed for the interpreter `python`, and their weights."""

    python: str
    weights: Path
    peers: tuple[Peer, ...]

    @classmethod
    def found(cls, python: str, weights: Path) -> PeerPrograms:
        """Those that `python` can import; none where PyTorch is missing."""
        asked = [*_NEEDED, *(peer.module for peer in PEERS)]
        code = f"import importlib.util as i; print(*[n for n in {asked} if i.find_spec(n)])"
        answer = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
        modules = set(answer.stdout.split())
        peers = [peer for peer in PEERS if modules.issuperset((*_NEEDED, peer.module))]
        return cls(python, weights, tuple(peers))

    def write_weights(self, source: Path) -> None:
        """Convert the weights of VGG16, a Keras file, where there is somebody to use them."""
        if self.peers:
            script = SCRIPTS / "torch_weights.py"
            subprocess.run([self.python, script, source, self.weights], check=True)

    def commands(self, kind: str, images: Sequence[Path], out: Path, says: str) -> list[Command]:
        """A process for each library that explains `images`."""
        out.mkdir(exist_ok=True)
        return [
            Command(
                f"{peer.name}-{kind}",
                f"{peer.name}, VGG16",
                (
                    *(self.python, str(SCRIPTS / peer.script), str(self.weights), str(out)),
                    *map(str, images),
                ),
                says=says,
            )
            for peer in self.peers
        ]
