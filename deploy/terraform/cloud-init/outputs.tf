# Renders user data for a fresh machine. There is no resource: what makes the machine gets the output.

locals {
  folder  = "/opt/yolo-serving"
  staging = "/var/lib/yolo-serving"

  packages = {
    debian = ["docker.io", "docker-cli", "docker-compose", "docker-buildx"]
    ubuntu = ["docker.io", "docker-compose-v2", "docker-buildx"]
  }

  settings = merge(
    var.settings,
    # The gateway stays on loopback. It requires keys, because it sees this profile.
    { BIND = "127.0.0.1", COMPOSE_PROFILES = "edge", DOMAIN = var.domain },
    { for name, value in { WEIGHTS = var.weights_url, WEIGHTS_SHA256 = var.weights_sha256 } : name => value if value != null },
  )

  # What first_start.sh and deploy.sh find next to them.
  files = {
    "first_start.sh" = file("${path.module}/first_start.sh")
    "deploy.sh"      = file("${path.module}/../ssh/deploy.sh")
    "settings.env"   = join("", [for name, value in local.settings : "${name}='${value}'\n"])
    "api_keys.jsonl" = "${trimspace(var.api_keys)}\n"
  }

  user_data = {
    package_update  = true
    package_upgrade = true
    packages        = concat(["ca-certificates", "curl", "git", "python3", "ufw", "unattended-upgrades"], local.packages[var.distribution])

    ssh_pwauth          = false
    ssh_authorized_keys = var.ssh_authorized_keys

    write_files = [for name, content in local.files : {
      path        = "${local.staging}/${name}"
      permissions = "0600"
      encoding    = "gz+b64" # EC2 takes 16 KiB
      content     = base64gzip(content)
    }]

    # No shell reads these words.
    runcmd = [concat(
      ["bash", "${local.staging}/first_start.sh", local.folder, var.repository, var.revision],
      var.ssh_from,
    )]
  }
}

output "user_data" {
  description = "cloud-init's user data (#cloud-config)."
  # Without the empty lists, which the schema refuses.
  value     = "#cloud-config\n${yamlencode({ for name, value in local.user_data : name => value if jsonencode(value) != "[]" })}"
  sensitive = true

  precondition {
    condition     = length(local.user_data.write_files) == 4 && length(yamlencode(local.user_data)) <= 16000
    error_message = "The user data are too large for EC2 (16 KiB): shorten settings or api_keys."
  }
}

output "url" {
  description = "The gateway, behind TLS."
  value       = "https://${var.domain}"
}
