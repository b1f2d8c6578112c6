# The machine.

variable "host" {
  description = "Name or address of the machine."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9.:-]*$", var.host))
    error_message = "host is a name or an IP address, without a user and a port."
  }
}

variable "port" {
  description = "Port of its SSH server."
  type        = number
  default     = 22
  nullable    = false

  validation {
    condition     = var.port >= 1 && var.port <= 65535 && floor(var.port) == var.port
    error_message = "port is 1 to 65535."
  }
}

variable "user" {
  description = "User to log in as. The service runs as this user; in Docker mode the user must be able to use Docker."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z_][a-z0-9_.-]*$", var.user))
    error_message = "user is the name of a user of the machine."
  }
}

variable "host_key" {
  description = "Public key of the SSH server, as in /etc/ssh/ssh_host_ecdsa_key.pub: no other server gets anything."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) AAAA[A-Za-z0-9+/=]+( [^\n]*)?\n?$", var.host_key))
    error_message = "host_key is one line of the form: ecdsa-sha2-nistp256 AAAA… See docs/terraform.md."
  }
}

variable "private_key_path" {
  description = "File of the private key to log in with, without a passphrase. null: the SSH agent (SSH_AUTH_SOCK)."
  type        = string
  default     = null

  validation {
    condition     = var.private_key_path == null ? true : fileexists(pathexpand(var.private_key_path))
    error_message = "private_key_path: there is no such file."
  }
}

variable "connect_timeout" {
  description = "How long to try to connect. A machine that was just made takes a while; a wrong host key is tried as long."
  type        = string
  default     = "2m"
  nullable    = false

  validation {
    condition     = can(regex("^[1-9][0-9]*[sm]$", var.connect_timeout))
    error_message = "connect_timeout is a time such as 30s or 2m."
  }
}

variable "folder" {
  description = "Folder of the project on the machine, absolute or in the user's home folder. It is made if it is missing."
  type        = string
  default     = "yolo-serving"
  nullable    = false

  validation {
    condition     = can(regex("^/?[A-Za-z0-9_][A-Za-z0-9_. -]*(/[A-Za-z0-9_.][A-Za-z0-9_. -]*)*$", var.folder)) && !can(regex("(^|/)[.]{1,2}(/|$)", var.folder))
    error_message = "folder is a path of letters, digits, spaces and _ . - without '..', such as /srv/yolo-serving."
  }
}

# What runs there.

variable "source_archive" {
  description = "The project as a .tar.gz (git archive --format=tar.gz -o yolo-serving.tar.gz HEAD). null: see revision."
  type        = string
  default     = null

  validation {
    condition     = (var.source_archive == null) != (var.revision == null)
    error_message = "Set either source_archive or revision (with repository)."
  }

  validation {
    condition     = var.source_archive == null ? true : fileexists(pathexpand(var.source_archive))
    error_message = "source_archive: there is no such file."
  }
}

variable "repository" {
  description = "Git address from which the machine itself fetches the revision."
  type        = string
  default     = null

  validation {
    condition     = (var.repository == null) == (var.revision == null)
    error_message = "repository and revision belong together."
  }

  validation {
    # The address is in the state and on command lines.
    condition     = var.repository == null ? true : can(regex("^(https://[A-Za-z0-9.-]+(:[0-9]+)?/|ssh://([a-z][a-z0-9_-]*@)?[A-Za-z0-9.-]+(:[0-9]+)?/|file:///)[A-Za-z0-9._~/-]+$", var.repository))
    error_message = "repository is an https, ssh or file address without a password or token in it: give the machine a key of its own."
  }
}

variable "revision" {
  description = "Tag or commit to run. A branch is deployed as it is then; when it moves, nothing is redeployed."
  type        = string
  default     = null

  validation {
    condition     = var.revision == null ? true : can(regex("^[A-Za-z0-9][A-Za-z0-9._/-]*$", var.revision))
    error_message = "revision is a tag or a commit."
  }
}

variable "mode" {
  description = "native: processes of the user. docker: containers; the machine has Docker with Compose."
  type        = string
  default     = "native"
  nullable    = false

  validation {
    condition     = contains(["native", "docker"], var.mode)
    error_message = "mode is native or docker."
  }
}

variable "settings" {
  description = "Settings of the service (docs/settings.md), which become its .env."
  type        = map(string)
  default     = {}
  nullable    = false
  sensitive   = true

  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^[A-Z][A-Z0-9_]*$", name))])
    error_message = "The names of settings are capital letters, digits and underscores."
  }

  validation {
    condition     = alltrue([for value in values(var.settings) : value == null ? false : !can(regex("['\\n\\r]", value))])
    error_message = "Values of settings are text without a single quote and on one line."
  }

  validation {
    condition     = can(regex("^[0-9]+$", lookup(var.settings, "GATEWAY_PORT", "8001")))
    error_message = "GATEWAY_PORT is a port: 1 to 65535."
  }
}

variable "api_keys_file" {
  description = "Key file of the gateway (secrets/api_keys.jsonl, made by keys.sh; it holds hashes). Native mode only. null: the machine's own stays."
  type        = string
  default     = null

  validation {
    condition     = var.api_keys_file == null ? true : fileexists(pathexpand(var.api_keys_file))
    error_message = "api_keys_file: there is no such file."
  }

  validation {
    condition     = var.api_keys_file == null || var.mode == "native"
    error_message = "In Docker mode the file belongs to the gateway's container: run keys.sh on the machine instead."
  }
}

variable "weights" {
  description = "File of the weights to serve. null: those of the machine; if it has none, the demonstration weights."
  type        = string
  default     = null

  validation {
    condition     = var.weights == null ? true : fileexists(pathexpand(var.weights))
    error_message = "weights: there is no such file."
  }
}

variable "accept_drift" {
  description = "Serve new weights whose answers differ from those of the running ones, such as other classes."
  type        = bool
  default     = false
  nullable    = false
}

variable "delete_on_destroy" {
  description = "destroy deletes the folder with weights and archives. It must have been applied before destroy."
  type        = bool
  default     = false
  nullable    = false
}
