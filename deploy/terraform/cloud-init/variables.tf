variable "domain" {
  description = "Public name of the machine. Its certificate comes from Let's Encrypt, so the name has to lead to the machine."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?[.])+[a-z]{2,}$", var.domain))
    error_message = "domain is a public name such as vision.example.org."
  }
}

variable "distribution" {
  description = "debian (13 or newer) or ubuntu (24.04 or newer): their packages of Docker and Compose have other names."
  type        = string
  default     = "debian"
  nullable    = false

  validation {
    condition     = contains(["debian", "ubuntu"], var.distribution)
    error_message = "distribution is debian or ubuntu."
  }
}

variable "repository" {
  description = "Git address from which the machine fetches the project."
  type        = string
  nullable    = false

  validation {
    # Everybody on the machine can ask a cloud for its user data.
    condition     = can(regex("^https://[A-Za-z0-9.-]+(:[0-9]+)?/[A-Za-z0-9._~/-]+$", var.repository))
    error_message = "repository is an https address without a password or token in it."
  }
}

variable "revision" {
  description = "Tag or commit to run."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9._/-]*$", var.revision))
    error_message = "revision is a tag or a commit."
  }
}

variable "api_keys" {
  description = "Contents of secrets/api_keys.jsonl, which keys.sh makes: names and hashes, not the keys."
  type        = string
  nullable    = false
  sensitive   = true

  validation {
    condition     = can([for line in compact(split("\n", var.api_keys)) : jsondecode(line).name][0])
    error_message = "api_keys needs at least one key, as a line of JSON: bash scripts/keys.sh add NAME, then file(\"secrets/api_keys.jsonl\")."
  }
}

variable "weights_url" {
  description = "Address of the weights. null: demonstration weights."
  type        = string
  default     = null

  validation {
    condition     = var.weights_url == null ? true : can(regex("^https://[^'\\s@]+$", var.weights_url))
    error_message = "weights_url is an https address without a password in it."
  }
}

variable "weights_sha256" {
  description = "SHA-256 of the weights: others are neither loaded nor packaged."
  type        = string
  default     = null

  validation {
    condition     = var.weights_sha256 == null ? var.weights_url == null : can(regex("^[0-9a-f]{64}$", var.weights_sha256))
    error_message = "weights_url needs weights_sha256, 64 hexadecimal digits (sha256sum best.pt): weights are code."
  }
}

variable "settings" {
  description = "Further settings of the service (docs/settings.md). No secrets: a cloud keeps user data in the clear."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name, value in var.settings : can(regex("^[A-Z][A-Z0-9_]*$", name)) && !can(regex("['\\n\\r]", value))])
    error_message = "A setting is a name of capital letters, digits and underscores, and a value on one line without a single quote."
  }

  validation {
    condition     = length(setintersection(keys(var.settings), ["AUTH", "BIND", "COMPOSE_PROFILES", "DOMAIN", "WEIGHTS", "WEIGHTS_SHA256"])) == 0
    error_message = "The module itself sets BIND, COMPOSE_PROFILES, DOMAIN, WEIGHTS and WEIGHTS_SHA256, and the gateway requires its keys (AUTH)."
  }
}

variable "ssh_authorized_keys" {
  description = "Public keys that may log in over SSH. Empty: those that the cloud puts there, if any."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for key in var.ssh_authorized_keys : can(regex("^(ssh-|ecdsa-|sk-)[a-z0-9@.-]+ AAAA", key))])
    error_message = "ssh_authorized_keys are lines of the form: ssh-ed25519 AAAA…"
  }
}

variable "ssh_from" {
  description = "Networks that may connect to SSH. Empty: none."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for network in var.ssh_from : can(cidrhost(network, 0))])
    error_message = "ssh_from are networks such as 203.0.113.0/24."
  }
}
