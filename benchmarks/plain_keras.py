"""Grad-CAM with VGG16 as a plain Keras script, the way the well-known tutorials write it.

    python benchmarks/plain_keras.py IMAGE WEIGHTS OUT

What gradcam is measured against; it uses nothing of gradcam.
"""

import sys

import cv2
import keras
import numpy as np
import tensorflow as tf
from keras.applications.vgg16 import VGG16, preprocess_input

LAYER = "block5_conv3"
SUNGLASSES = 837


def main(image_path: str, weights: str, out: str) -> None:
    """Explain `image_path` for the class sunglasses and write the overlay to `out`."""
    model = VGG16(weights=weights)

    image = cv2.cvtColor(cv2.imread(image_path), cv2.COLOR_BGR2RGB)
    resized = cv2.resize(image, (224, 224), interpolation=cv2.INTER_CUBIC)
    x = preprocess_input(np.expand_dims(keras.utils.img_to_array(resized), axis=0))

    predictions = model(x).numpy()[0]
    for index in np.argsort(-predictions)[:5]:  # decode_predictions would fetch the names
        print(index, predictions[index])

    both = keras.Model(model.inputs[0], [model.get_layer(LAYER).output, model.output])
    with tf.GradientTape() as tape:
        activations, output = both(x)
        score = output[:, SUNGLASSES]
    gradients = tape.gradient(score, activations)
    weights_of_maps = tf.reduce_mean(gradients, axis=(0, 1, 2))
    heatmap = tf.reduce_mean(activations[0] * weights_of_maps, axis=-1).numpy()
    heatmap = np.maximum(heatmap, 0) / np.max(heatmap)

    height, width = image.shape[:2]
    levels = np.uint8(255 * cv2.resize(heatmap, (width, height)))
    colors = cv2.applyColorMap(levels, cv2.COLORMAP_JET)
    blended = cv2.addWeighted(colors, 0.5, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), 0.5, 0)
    cv2.imwrite(out, blended)
    print(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
