# The machine. The provider (region, credentials) is configured by whoever uses the module.

variable "name" {
  description = "Name of the machine and of what belongs to it."
  type        = string
  default     = "yolo-serving"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,40}$", var.name))
    error_message = "name is lower-case letters, digits and hyphens."
  }
}

variable "subnet_id" {
  description = "Public subnet: its route table leads to an internet gateway."
  type        = string
  nullable    = false
}

variable "zone_id" {
  description = "Route 53's hosted zone in which the domain lies."
  type        = string
  nullable    = false
}

variable "instance_type" {
  description = "An x86-64 type with at least 8 GiB: the images are built on the machine."
  type        = string
  default     = "c7i.xlarge"
  nullable    = false
}

variable "disk_gb" {
  description = "Size of the disk, for images, archives and logs."
  type        = number
  default     = 40
  nullable    = false

  validation {
    condition     = var.disk_gb >= 30 && floor(var.disk_gb) == var.disk_gb
    error_message = "disk_gb is at least 30."
  }
}

variable "keep_disk" {
  description = "The disk, with weights and archives, outlives the machine."
  type        = bool
  default     = true
  nullable    = false
}

variable "kms_key_arn" {
  description = "Key that encrypts disk and registry. null: those of AWS."
  type        = string
  default     = null
}

variable "models" {
  description = "Models whose archives the registry takes."
  type        = set(string)
  default     = ["yolo"]
  nullable    = false
}

# What the user data are made from: ../cloud-init/variables.tf checks them.

variable "domain" {
  description = "Public name of the machine, in the zone."
  type        = string
  nullable    = false
}

variable "repository" {
  description = "Git address (https) from which the machine fetches the project."
  type        = string
  nullable    = false
}

variable "revision" {
  description = "Tag or commit to run."
  type        = string
  nullable    = false
}

variable "api_keys" {
  description = "Contents of secrets/api_keys.jsonl."
  type        = string
  nullable    = false
  sensitive   = true
}

variable "weights_url" {
  description = "Address of the weights. null: demonstration weights."
  type        = string
  default     = null
}

variable "weights_sha256" {
  description = "SHA-256 of the weights."
  type        = string
  default     = null
}

variable "settings" {
  description = "Further settings of the service. No secrets."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "ssh_authorized_keys" {
  description = "Public keys that may log in over SSH, as the user admin."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "ssh_from" {
  description = "IPv4 networks that may connect to SSH. Empty: none."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for network in var.ssh_from : can(cidrnetmask(network))])
    error_message = "ssh_from are IPv4 networks such as 203.0.113.0/24."
  }
}
