# The images of a release, for linux/amd64 and linux/arm64. scripts/release_images.sh sets the variables and calls it.
#
#   docker buildx bake --file docker-bake.hcl --print    show what would be built
#
# Dockerfiles, targets and build arguments are those of docker-compose.yml; a test compares the two.

variable "VERSION" {
  default = "local"
}
# The git commit that is built, and the tag that is made of it.
variable "REVISION" {
  default = ""
}
variable "COMMIT_TAG" {
  default = ""
}
# The time of the commit: the same commit and base image make the same labels.
variable "CREATED" {
  default = ""
}
# The address of the repository.
variable "SOURCE" {
  default = ""
}
# What stands in front of the image's name: of this machine, or a registry.
variable "IMAGES" {
  default = "yolo-serving"
}
# Comma-separated. An engine without containerd's image store can load only its own architecture.
variable "PLATFORMS" {
  default = "linux/amd64,linux/arm64"
}
variable "BASE_IMAGE" {
  default = "debian:bookworm-slim"
}
variable "TORCH_INDEX" {
  default = "https://download.pytorch.org/whl/cpu"
}

function "labels" {
  params = [title, description, licenses]
  result = { for key, value in {
    "org.opencontainers.image.title"       = title
    "org.opencontainers.image.description" = description
    "org.opencontainers.image.version"     = VERSION
    "org.opencontainers.image.revision"    = REVISION
    "org.opencontainers.image.created"     = CREATED
    "org.opencontainers.image.source"      = SOURCE
    "org.opencontainers.image.licenses"    = licenses
    "org.opencontainers.image.base.name"   = BASE_IMAGE
  } : key => value if value != "" }
}

function "tags" {
  params = [name]
  result = [for tag in [VERSION, COMMIT_TAG] : "${IMAGES}/${name}:${tag}" if tag != ""]
}

group "default" {
  targets = ["torchserve", "api-gateway", "model-archiver"]
}

target "common" {
  context   = "."
  platforms = compact(split(",", PLATFORMS))
}

target "torchserve" {
  inherits   = ["common"]
  dockerfile = "serving/torchserve/Dockerfile"
  target     = "torchserve"
  args       = { BASE_IMAGE = BASE_IMAGE, TORCH_INDEX = TORCH_INDEX }
  tags       = tags("torchserve")
  # Of Ultralytics, the strictest of what is inside.
  labels = labels("torchserve", "TorchServe with OpenVINO for packaged YOLO models", "AGPL-3.0-only")
}

target "model-archiver" {
  inherits   = ["common"]
  dockerfile = "serving/torchserve/Dockerfile"
  target     = "model-archiver"
  args       = { BASE_IMAGE = BASE_IMAGE, TORCH_INDEX = TORCH_INDEX }
  tags       = tags("model-archiver")
  labels     = labels("model-archiver", "Packages YOLO weights and runs the release operations", "AGPL-3.0-only")
}

target "api-gateway" {
  inherits   = ["common"]
  dockerfile = "api-gateway/Dockerfile"
  args       = { BASE_IMAGE = BASE_IMAGE }
  tags       = tags("api-gateway")
  labels     = labels("api-gateway", "The HTTP gateway in front of TorchServe", "")
}
