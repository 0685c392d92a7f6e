"""Every method by name, family by family."""

from __future__ import annotations

from gradcam_cli.methods.contract import Method
from gradcam_cli.methods.records import attention, cam, control, input_gradient, perturbation

_FAMILIES = (cam, perturbation, input_gradient, attention, control)

METHODS: dict[str, Method] = {
    method.name: method for family in _FAMILIES for method in family.RECORDS
}
