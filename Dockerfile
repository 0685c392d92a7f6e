# gradcam without TensorFlow: the bundled model, and models in ONNX, TFLite, SavedModel and IR files.
#
#   docker build -t gradcam .
#   docker run --rm -u "$(id -u):$(id -g)" -v "$PWD:/pictures" gradcam explain photo.jpg
#
# What is compiled is kept in the volume /cache; give it a name to keep it from run to run:
#   docker run --rm -v gradcam-cache:/cache …
FROM python:3.12-slim

WORKDIR /source
COPY requirements-slim.txt ./
RUN pip install --no-cache-dir -r requirements-slim.txt
COPY pyproject.toml README.md LICENSE ./
COPY gradcam_cli gradcam_cli
RUN pip install --no-cache-dir --no-deps .

# auto would look for TensorFlow first, to run VGG16.
ENV GRADCAM_CACHE=/cache \
    GRADCAM_MODEL=efficientnet-lite0
RUN useradd --create-home gradcam && install -d -m 0777 /cache
USER gradcam
# Compiled now, so that the first run is fast; whoever -u says may read and extend it.
RUN umask 0 && gradcam doctor efficientnet-lite0

VOLUME /cache
WORKDIR /pictures
ENTRYPOINT ["gradcam"]
