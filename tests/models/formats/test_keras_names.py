"""The names that Keras gives a meaning, and its own files, compared with Keras itself."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

from gradcam_cli.models.formats import keras_names
from gradcam_cli.models.formats.inspection import Trust, inspect_file
from gradcam_cli.models.framework import fresh_keras
from tests.models.formats.conftest import Refused


@pytest.fixture(scope="module")
def keras() -> Any:
    return fresh_keras()


def classes(module: Any) -> set[str]:
    return {name for name, value in vars(module).items() if inspect.isclass(value)}


NOT_IN_FILES = {"Layer", "InputSpec", "Wrapper", "IndexLookup", "GroupQueryAttention"}


def test_layers_are_those_of_keras(keras: Any) -> None:
    from keras.src import layers

    own = {value.__name__ for value in vars(keras.layers).values() if inspect.isclass(value)}
    assert own - keras_names.BUILT_IN - NOT_IN_FILES == set()
    assert not keras_names.GONE & classes(layers)


def test_initializers_and_the_like_are_those_of_keras(keras: Any) -> None:
    rooms = (keras.initializers, keras.regularizers, keras.constraints)
    own = {value.__name__ for room in rooms for value in vars(room).values()
           if inspect.isclass(value)}  # fmt: skip
    assert own - keras_names.BUILT_IN == {"Initializer", "Regularizer", "Constraint"}
    functions = {name for name, value in vars(keras.activations).items() if callable(value)}
    assert functions - keras_names.ACTIVATIONS == keras_names.NOT_FOR_NETWORKS


def test_files_that_keras_writes(keras: Any, refused: Refused) -> None:
    layers = keras.layers
    base = keras.Sequential([layers.Conv2D(2, 3, activation="relu"), layers.BatchNormalization()])
    image = keras.Input((8, 8, 3))
    pooled = keras.ops.mean(keras.ops.relu(base(image)) * 2.0, axis=(1, 2))
    scores = layers.Dense(2, activation=keras.activations.softmax, kernel_regularizer="l2")(pooled)
    model = keras.Model(image, scores)
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    model.save("model.keras")
    header = inspect_file(Path("model.keras"), trust=Trust())
    assert header.operations is not None
    assert header.operations["Conv2D"] == 1
    keras.Sequential([keras.Input((8, 8, 3)), base, layers.Flatten()]).save("old.hdf5")
    assert inspect_file(Path("old.hdf5"), trust=Trust()).custom_objects == ()
    model.save_weights("model.weights.h5")
    with refused("holds weights only"):
        inspect_file(Path("model.weights.h5"), trust=Trust())
