"""Names that Keras itself gives a meaning: files of Keras 1 and 2 say no more of a class.

A list of our own: to ask Keras, it would have to be imported.
"""

from __future__ import annotations

_LAYERS = """
Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D
AdaptiveAveragePooling3D AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add
AdditiveAttention AlphaDropout Attention AugMix AutoContrast Average AveragePooling1D
AveragePooling2D AveragePooling3D BatchNormalization Bidirectional CategoryEncoding CenterCrop
Concatenate ContrastLimitedAdaptiveHistogramEqualization Conv1D Conv1DTranspose Conv2D
Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Cropping1D Cropping2D
Cropping3D CutMix Dense DepthwiseConv1D DepthwiseConv2D Discretization Dot Dropout ELU EinsumDense
Embedding Equalization FlaxLayer Flatten Functional GRU GRUCell GaussianDropout GaussianNoise
GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D
GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization GroupedQueryAttention HashedCrossing
Hashing Identity InputLayer IntegerLookup JaxLayer LSTM LSTMCell Lambda LayerNormalization
LeakyReLU Masking MaxNumBoundingBoxes MaxPooling1D MaxPooling2D MaxPooling3D Maximum MelSpectrogram
Minimum MixUp Model MultiHeadAttention Multiply Normalization PReLU Permute Pipeline
RMSNormalization RNN RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter
RandomContrast RandomCrop RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur
RandomGrayscale RandomHue RandomInvert RandomPerspective RandomPosterization RandomRotation
RandomSaturation RandomSharpness RandomShear RandomTranslation RandomZoom ReLU RepeatVector
Rescaling Reshape Resizing ReversibleEmbedding STFTSpectrogram SeparableConv1D SeparableConv2D
Sequential SimpleRNN SimpleRNNCell Softmax Solarization SpatialDropout1D SpatialDropout2D
SpatialDropout3D SpectralNormalization StackedRNNCells StringLookup Subtract TFSMLayer
TextVectorization TimeDistributed TorchModuleWrapper UnitNormalization UpSampling1D UpSampling2D
UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D
"""

_PARTS = """
Constant GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal LecunUniform Ones Orthogonal
RandomNormal RandomUniform STFT TruncatedNormal VarianceScaling Zeros
L1 L1L2 L2 OrthogonalRegularizer MaxNorm MinMaxNorm NonNeg UnitNorm
DTypePolicy DTypePolicyMap FloatDTypePolicy Policy QuantizedDTypePolicy QuantizedFloat8DTypePolicy
SeedGenerator
"""

BUILT_IN = frozenset(f"{_LAYERS} {_PARTS}".split())
"""Layers, initializers, regularizers, constraints and dtype policies of Keras 3."""

_GONE = """
AtrousConvolution1D AtrousConvolution2D BatchNormalizationV1 BatchNormalizationV2 ClassMethod
Convolution1D Convolution2D Convolution3D CuDNNGRU CuDNNLSTM Deconvolution2D DenseFeatures GRUV2
Highway InstanceMethod InstanceProperty LSTMV2 LocallyConnected1D LocallyConnected2D MaxoutDense
Merge ModuleWrapper RandomHeight RandomWidth SeparableConvolution2D SlicingOpLambda
SyncBatchNormalization TFOpLambda TensorFlowOpLayer ThresholdedReLU
"""
GONE = frozenset(_GONE.split())
"""What only Keras 1 or 2 can build."""

_ACTIVATIONS = """
celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu
linear log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus
softsign sparse_plus sparse_sigmoid sparsemax squareplus swish tanh tanh_shrink threshold
"""
ACTIVATIONS = frozenset(_ACTIVATIONS.split())
"""Functions that a file may mean by their names alone."""

_LOSSES = """
accuracy bce binary_accuracy binary_crossentropy binary_focal_crossentropy categorical_accuracy
categorical_crossentropy categorical_focal_crossentropy categorical_hinge circle cosine_similarity
ctc dice hinge huber kl_divergence kld log_cosh mae mape mean_absolute_error
mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error mse msle poisson
sparse_categorical_accuracy sparse_categorical_crossentropy sparse_top_k_categorical_accuracy
squared_hinge top_k_categorical_accuracy tversky
"""
LOSSES = frozenset(_LOSSES.split())
"""Losses and metrics, which a nested model may have been compiled with."""

CODE_LAYERS = frozenset(("TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"))
"""Layers of Keras that bring a program of another kind along, or fetch it from a path."""

LOOKUP_LAYERS = frozenset(("StringLookup", "IntegerLookup", "TextVectorization"))
"""Layers whose vocabulary may be the name of a file, which they read."""

_VALUES = """
__bytes__ __ellipsis__ __keras_tensor__ __numpy__ __slice__ __tensor__ __typespec__
"""
VALUES = frozenset(_VALUES.split())
"""What stands for a plain value."""

_CLASS_ROOMS = """
activations applications constraints dtype_policies engine initializers layers legacy losses
metrics mixed_precision models ops optimizers quantizers random regularizers
"""
CLASS_ROOMS = frozenset(_CLASS_ROOMS.split())
"""The parts of the package keras whose classes a network may be made of."""

FUNCTION_ROOMS = CLASS_ROOMS - {"applications", "engine", "layers", "legacy", "models"}

NOT_FOR_NETWORKS = frozenset(("deserialize", "get", "serialize"))
"""Functions in these parts that look up others by name."""
