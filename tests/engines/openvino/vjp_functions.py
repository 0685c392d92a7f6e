"""Functions of TensorFlow, one or more for each way in which classifiers use an operation."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.engines.openvino.vjp_tensorflow import Function, drawn


def hard_sigmoid(tf: Any, x: Any) -> Any:
    return tf.nn.relu6(x + 3.0) / 6.0


def hard_swish(tf: Any, x: Any) -> Any:
    return x * hard_sigmoid(tf, x)


def normalized(tf: Any, x: Any) -> Any:
    """Layer normalization, with one scale for each channel."""
    mean, variance = tf.nn.moments(x, [-1], keepdims=True)
    return (x - mean) * tf.math.rsqrt(variance + 1e-3) * drawn(x.shape[-1])


def squeezed_and_excited(tf: Any, x: Any) -> Any:
    """Each channel times a gate computed from the means of all, which passes through vectors."""
    channels = x.shape[-1]
    means = tf.reshape(tf.reduce_mean(x, [1, 2]), [tf.shape(x)[0], 1, 1, channels])
    kernel = drawn(1, 1, channels, channels)
    return x * tf.nn.sigmoid(tf.nn.conv2d(means, kernel, 1, "VALID"))


def attended(tf: Any, x: Any) -> Any:
    """One head of attention: products of what is computed."""
    query, key, value = (tf.matmul(x, drawn(4, 3, seed=seed)) for seed in range(3))
    return tf.matmul(tf.nn.softmax(tf.matmul(query, key, transpose_b=True)), value)


def batch_normalized(tf: Any, x: Any) -> Any:
    mean, variance, offset, scale = drawn(4, x.shape[-1])
    return tf.nn.batch_normalization(x, mean, variance**2 + 1, offset, scale, 1e-3)


def small_network(tf: Any, x: Any) -> Any:
    x = tf.pad(x, [[0, 0], [0, 1], [0, 1], [0, 0]])
    x = tf.nn.relu6(batch_normalized(tf, tf.nn.conv2d(x, drawn(3, 3, 3, 8), 2, "VALID")))
    aside = tf.nn.silu(tf.nn.depthwise_conv2d(x, drawn(3, 3, 8, 1), [1, 1, 1, 1], "SAME"))
    x = squeezed_and_excited(tf, aside) + x
    x = tf.concat([tf.nn.max_pool2d(x, 3, 2, "SAME"), tf.nn.avg_pool2d(x, 2, 2, "SAME")], -1)
    return tf.matmul(tf.reduce_mean(x, [1, 2]), drawn(16, 5))


MAP = (2, 6, 7, 4)
ON_SIDES = [[0, 0], [1, 1], [0, 2], [0, 0]]

CASES: dict[str, tuple[Function, tuple[int, ...]]] = {
    "crop on all sides, two axes given": (lambda tf, x: x[:, 1:-1, 1:-2], MAP),
    "crop from far before": (lambda tf, x: x[:, -100:], MAP),
    "dense by a stack of kernels": (lambda tf, x: tf.matmul(x, drawn(2, 4, 5)), (3, 4)),
    "power by a broadcast exponent": (lambda tf, x: tf.pow(x, [[1.0, 2.0, 3.0]]), (3, 1)),
    "dense at each place of a map": (lambda tf, x: tf.tensordot(x, drawn(4, 6), 1), MAP),
    "depthwise convolution of one channel": (
        lambda tf, x: tf.nn.depthwise_conv2d(x, drawn(3, 3, 1, 2), [1, 1, 1, 1], "SAME"),
        (2, 6, 7, 1),
    ),
    "relu": (lambda tf, x: tf.nn.relu(x), MAP),
    "relu6": (lambda tf, x: tf.nn.relu6(4 * x + 2), MAP),
    "sigmoid": (lambda tf, x: tf.nn.sigmoid(x), MAP),
    "swish": (lambda tf, x: tf.nn.silu(x), MAP),
    "swish in two steps": (lambda tf, x: x * tf.nn.sigmoid(x), MAP),
    "hard sigmoid": (lambda tf, x: hard_sigmoid(tf, 3 * x), MAP),
    "hard swish": (lambda tf, x: hard_swish(tf, 3 * x), MAP),
    "gelu": (lambda tf, x: tf.nn.gelu(x), MAP),
    "erf": (lambda tf, x: tf.math.erf(x), MAP),
    "cube": (lambda tf, x: tf.pow(x, 3.0), MAP),
    "square": (lambda tf, x: tf.square(x), MAP),
    "power by channel": (lambda tf, x: tf.pow(x * x + 1, [0.5, 1.0, -2.0, 3.0]), MAP),
    "inverse square root": (lambda tf, x: tf.math.rsqrt(x * x + 1), MAP),
    "convolution": (lambda tf, x: tf.nn.conv2d(x, drawn(3, 3, 4, 5), 2, "SAME"), MAP),
    "convolution of a padded map": (
        lambda tf, x: tf.nn.conv2d(tf.pad(x, ON_SIDES), drawn(3, 3, 4, 5), 2, "VALID"),
        MAP,
    ),
    "depthwise convolution": (
        lambda tf, x: tf.nn.depthwise_conv2d(x, drawn(3, 3, 4, 1), [1, 2, 2, 1], "SAME"),
        MAP,
    ),
    "separable convolution": (
        lambda tf, x: tf.nn.separable_conv2d(
            x, drawn(3, 3, 4, 2), drawn(1, 1, 8, 3), [1, 1, 1, 1], "SAME"
        ),
        MAP,
    ),
    "dense": (lambda tf, x: tf.matmul(x, drawn(4, 6)), (3, 4)),
    "dense, transposed": (
        lambda tf, x: tf.matmul(x, drawn(6, 4), transpose_b=True),
        (3, 4),
    ),
    "dense at each place": (lambda tf, x: tf.matmul(x, drawn(4, 6)), (2, 5, 4)),
    "max pool of tiles": (lambda tf, x: tf.nn.max_pool2d(x, 2, 2, "VALID"), (2, 6, 8, 4)),
    "max pool of tiles and a column": (lambda tf, x: tf.nn.max_pool2d(x, 2, 2, "VALID"), MAP),
    "max pool of tiles and a row": (
        lambda tf, x: tf.nn.max_pool2d(x, 2, 2, "VALID"),
        (2, 7, 6, 4),
    ),
    "max pool of shifted tiles": (
        lambda tf, x: tf.nn.max_pool2d(x, 2, 2, [[0, 0], [1, 1], [1, 1], [0, 0]]),
        (2, 6, 8, 4),
    ),
    "max pool of overlaps": (lambda tf, x: tf.nn.max_pool2d(x, 3, 2, "SAME"), MAP),
    "max pool of a padded map": (
        lambda tf, x: tf.nn.max_pool2d(tf.pad(x, ON_SIDES), 3, 2, "VALID"),
        MAP,
    ),
    "average pool": (lambda tf, x: tf.nn.avg_pool2d(x, 3, 2, "SAME"), MAP),
    # Here zeros around the map are averaged as well.
    "average pool of a padded map": (
        lambda tf, x: tf.nn.avg_pool2d(tf.pad(x, ON_SIDES), 3, 2, "VALID"),
        MAP,
    ),
    "mean over places": (lambda tf, x: tf.reduce_mean(x, [1, 2]), MAP),
    "mean over places, kept": (lambda tf, x: tf.reduce_mean(x, [-2, 1], keepdims=True), MAP),
    "mean over channels": (lambda tf, x: tf.reduce_mean(x, -1), MAP),
    "mean of all": (lambda tf, x: tf.reduce_mean(x), MAP),
    "reshape": (lambda tf, x: tf.reshape(x, [-1, 7, 6, 4]), MAP),
    "flatten": (lambda tf, x: tf.reshape(x, [tf.shape(x)[0], -1]), MAP),
    "squeeze": (lambda tf, x: tf.squeeze(x, [1, 2]), (2, 1, 1, 4)),
    "unsqueeze": (lambda tf, x: tf.expand_dims(tf.expand_dims(x, 1), 1), (2, 4)),
    "transpose": (lambda tf, x: tf.transpose(x, [0, 2, 3, 1]), MAP),
    "concat of three": (lambda tf, x: tf.concat([x, tf.nn.relu(x), x * x], -1), MAP),
    "concat of different sides": (
        lambda tf, x: tf.concat([x[:, 1:], tf.ones([2, 3, 7, 4]), tf.nn.relu(x)], 1),
        MAP,
    ),
    "concat of the same": (lambda tf, x: tf.concat([x, x], -1), MAP),
    "pad": (lambda tf, x: tf.pad(x, ON_SIDES), MAP),
    "pad with ones": (lambda tf, x: tf.pad(x, ON_SIDES, constant_values=1.0), MAP),
    "crop at the beginning": (lambda tf, x: x[:, 1:, 2:], MAP),
    "crop on all sides": (lambda tf, x: x[:, 1:-1, 1:-2, :], MAP),
    "crop from the end": (lambda tf, x: x[:, -4:, :-3], MAP),
    "crop with bounds that are masked": (
        lambda tf, x: tf.strided_slice(x, [1, 2, 1, 0], [1, 4, 5, 4], None, 0b1011, 0b1001),
        MAP,
    ),
    "layer normalization": (normalized, MAP),
    "batch normalization": (batch_normalized, MAP),
    "squeeze and excitation": (squeezed_and_excited, MAP),
    "shortcut": (
        lambda tf, x: x + tf.nn.conv2d(tf.nn.relu(x), drawn(3, 3, 4, 4), 1, "SAME") + x,
        MAP,
    ),
    "squared difference": (lambda tf, x: tf.math.squared_difference(x, tf.nn.sigmoid(x)), MAP),
    "difference": (lambda tf, x: drawn(4) - x, MAP),
    "quotient": (lambda tf, x: x / (x * x + drawn(4) ** 2 + 1), MAP),
    "quotient of a number": (lambda tf, x: 1 / (x * x + 1), MAP),
    "exponential": (lambda tf, x: tf.exp(x), MAP),
    "hyperbolic tangent": (lambda tf, x: tf.tanh(x), MAP),
    "elu": (lambda tf, x: tf.nn.elu(x), MAP),
    "leaky relu": (lambda tf, x: tf.nn.leaky_relu(x, 0.3), MAP),
    "softmax over channels": (lambda tf, x: tf.nn.softmax(x), MAP),
    "softmax over rows": (lambda tf, x: tf.nn.softmax(x, axis=1), MAP),
    "there and back to half precision": (
        lambda tf, x: tf.cast(tf.cast(x, tf.float64) * drawn(4).astype(np.float64), tf.float32),
        MAP,
    ),
    "sum over places": (lambda tf, x: tf.reduce_sum(x * x, [1, 2]), MAP),
    "a slice": (lambda tf, x: tf.slice(x, [0, 1, 2, 0], [-1, 3, 4, 4]), MAP),
    "a kernel times it": (lambda tf, x: tf.matmul(drawn(6, 3), x), (3, 4)),
    "a product of it transposed": (
        lambda tf, x: tf.matmul(x, drawn(3, 6), transpose_a=True),
        (3, 4),
    ),
    "a kernel times it transposed": (
        lambda tf, x: tf.matmul(drawn(6, 4), x, transpose_b=True),
        (3, 4),
    ),
    "all transposed": (
        lambda tf, x: tf.matmul(drawn(3, 6), x, transpose_a=True, transpose_b=True),
        (4, 3),
    ),
    "attention": (attended, (2, 5, 4)),
    "attention in two steps": (
        lambda tf, x: tf.nn.relu(tf.nn.softmax(tf.matmul(x, x, transpose_b=True))) @ x,
        (2, 5, 4),
    ),
    "small network": (small_network, (3, 15, 16, 3)),
    "every second row": (lambda tf, x: x[:, 1::2, ::-3], MAP),
    "one row": (lambda tf, x: x[:, 0], MAP),
    "a new axis": (lambda tf, x: x[:, None, ..., -1], MAP),
    "a reflected edge": (lambda tf, x: tf.pad(x, ON_SIDES, "REFLECT"), MAP),
    "a repeated edge": (lambda tf, x: tf.pad(x, ON_SIDES, "SYMMETRIC"), MAP),
    "swish with a beta": (lambda tf, x: x * tf.nn.sigmoid(2 * x), MAP),
    "parts": (lambda tf, x: tf.multiply(*tf.split(x, 2, -1)), MAP),
    "uneven parts": (lambda tf, x: tf.exp(tf.split(x, [1, 2, 1], -1)[1]), MAP),
    "taken by a table": (lambda tf, x: tf.gather(x, [[3, 1], [1, 1]], axis=2), MAP),
    "twice as large": (lambda tf, x: tf.image.resize(x, [12, 14], "nearest"), MAP),
    "larger": (lambda tf, x: tf.image.resize(x, [9, 11]), MAP),
    "transposed convolution": (
        lambda tf, x: tf.nn.conv2d_transpose(x, drawn(3, 3, 5, 4), [2, 12, 14, 5], 2, "SAME"),
        MAP,
    ),
    "transposed convolution, whole": (
        lambda tf, x: tf.nn.conv2d_transpose(x, drawn(3, 3, 5, 4), [2, 13, 15, 5], 2, "VALID"),
        MAP,
    ),
    "space to depth and back": (
        lambda tf, x: tf.nn.depth_to_space(tf.nn.relu(tf.nn.space_to_depth(x, 2)) ** 2, 2),
        (2, 6, 8, 4),
    ),
    "local response": (lambda tf, x: tf.nn.local_response_normalization(x, 2, 1, 0.3, 0.6), MAP),
    "length of 1": (lambda tf, x: tf.nn.l2_normalize(x, -1), MAP),
    "logarithm of softmax": (lambda tf, x: tf.nn.log_softmax(x), MAP),
    "exponential linear, softplus, softsign": (
        lambda tf, x: tf.nn.selu(x) + tf.nn.softplus(x) + tf.nn.softsign(x),
        MAP,
    ),
    "gelu by tanh": (lambda tf, x: tf.nn.gelu(x, approximate=True), MAP),
    "einsum": (lambda tf, x: tf.einsum("nhwc,cd->nwd", x, drawn(4, 3)), MAP),
    "repeated": (
        lambda tf, x: tf.tile(x, [1, 2, 1, 3]) + tf.roll(tf.tile(x, [1, 2, 1, 3]), 2, 1),
        MAP,
    ),
    "broadcast": (lambda tf, x: tf.broadcast_to(x, [2, 6, 7, 4]), (2, 1, 7, 1)),
    "condition": (lambda tf, x: tf.where(x > 0.5, x * x, tf.math.log(x * x + 1)), MAP),
    "dilated convolution by blocks": (
        lambda tf, x: tf.batch_to_space(
            tf.nn.relu(tf.space_to_batch(x, [2, 2], [[0, 0], [1, 0]])), [2, 2], [[0, 0], [1, 0]]
        ),
        MAP,
    ),
}
