"""What converting a TensorFlow graph costs."""

from __future__ import annotations

import numpy as np

from gradcam_cli.engines.openvino.runtime import converter, core, each_variable_found_once
from gradcam_cli.models.framework import tensorflow


def test_a_variable_is_found_once_and_not_held_on_to() -> None:
    tf, _ = tensorflow()
    kernel = tf.Variable(np.arange(12, dtype=np.float32).reshape(4, 3))
    product = tf.function(
        lambda x: x @ kernel, input_signature=[tf.TensorSpec((2, 4))], autograph=False
    )
    with each_variable_found_once():
        from openvino.frontend.tensorflow.node_decoder import TFGraphNodeDecoder

        model = converter()(product.get_concrete_function())
        found = TFGraphNodeDecoder.get_variable.cache_info()
    assert found.hits > found.misses > 0
    assert TFGraphNodeDecoder.get_variable.cache_info().currsize == 0
    x = np.arange(8, dtype=np.float32).reshape(2, 4)
    np.testing.assert_array_equal(core().compile_model(model, "CPU")(x)[0], x @ kernel.numpy())
