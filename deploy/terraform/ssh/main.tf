# Deploys the service to a machine over SSH, with built-in resources alone. What happens there is in deploy.sh.

locals {
  # Uploads wait in a private folder of the user's home folder, because they contain the settings.
  staging = ".cache/yolo-serving/${substr(sha256(var.folder), 0, 12)}"

  uploads = {
    for name, path in {
      "deploy.sh"      = "${path.module}/deploy.sh"
      "source.tar.gz"  = var.source_archive
      "api_keys.jsonl" = var.api_keys_file
      "weights.pt"     = var.weights
    } : name => pathexpand(path) if path != null
  }

  # A value in single quotes is taken as it is. The same file serves Compose, Python and bash.
  env_file = join("", concat(
    ["# Written by Terraform (deploy/terraform/ssh).\n"],
    [for name, value in var.settings : "${name}='${value}'\n"],
  ))
  # Not the settings themselves: state and plan show triggers.
  settings_digest = nonsensitive(sha256(local.env_file))

  from_git = var.revision == null ? "" : " --repository '${var.repository}' --revision '${var.revision}'"
  options  = "--mode ${var.mode} --folder '${var.folder}'"
  apply    = "${local.options}${local.from_git}${var.accept_drift ? " --accept-drift" : ""}"
}

# The folder on the machine. Its identity is the machine's and the folder's, so that a change of anything else stops
# nothing. On destroy the service is stopped; at that time only the resource's own values can be used.
resource "terraform_data" "machine" {
  triggers_replace = [var.host, var.port, var.user, var.folder]

  input = {
    host             = var.host
    port             = var.port
    user             = var.user
    host_key         = trimspace(var.host_key)
    private_key_path = var.private_key_path
    connect_timeout  = var.connect_timeout
    staging          = local.staging
    remove           = "${local.options}${var.delete_on_destroy ? " --delete" : ""}"
  }

  connection {
    host        = self.input.host
    port        = self.input.port
    user        = self.input.user
    host_key    = self.input.host_key
    agent       = self.input.private_key_path == null
    private_key = self.input.private_key_path == null ? null : file(pathexpand(self.input.private_key_path))
    timeout     = self.input.connect_timeout
  }

  provisioner "remote-exec" {
    inline = ["umask 077 && mkdir -p ${self.input.staging} && chmod 700 ${self.input.staging}"]
  }

  provisioner "remote-exec" {
    when   = destroy
    inline = ["if [ -e ${self.input.staging}/deploy.sh ]; then bash ${self.input.staging}/deploy.sh remove ${self.input.remove}; fi"]
  }
}

resource "terraform_data" "upload" {
  for_each         = local.uploads
  triggers_replace = [terraform_data.machine.id, filesha256(each.value)]

  connection {
    host        = var.host
    port        = var.port
    user        = var.user
    host_key    = trimspace(var.host_key)
    agent       = var.private_key_path == null
    private_key = var.private_key_path == null ? null : file(pathexpand(var.private_key_path))
    timeout     = var.connect_timeout
  }

  provisioner "file" {
    source      = each.value
    destination = "${local.staging}/${each.key}"
  }
}

resource "terraform_data" "settings" {
  triggers_replace = [terraform_data.machine.id, local.settings_digest]

  connection {
    host        = var.host
    port        = var.port
    user        = var.user
    host_key    = trimspace(var.host_key)
    agent       = var.private_key_path == null
    private_key = var.private_key_path == null ? null : file(pathexpand(var.private_key_path))
    timeout     = var.connect_timeout
  }

  provisioner "file" {
    content     = local.env_file
    destination = "${local.staging}/settings.env"
  }
}

# What was uploaded goes live. Where it fails, the next apply runs it again.
resource "terraform_data" "release" {
  triggers_replace = [
    terraform_data.settings.id,
    { for name, upload in terraform_data.upload : name => upload.id },
    var.mode,
    local.from_git,
  ]

  connection {
    host        = var.host
    port        = var.port
    user        = var.user
    host_key    = trimspace(var.host_key)
    agent       = var.private_key_path == null
    private_key = var.private_key_path == null ? null : file(pathexpand(var.private_key_path))
    timeout     = var.connect_timeout
  }

  provisioner "remote-exec" {
    inline = ["bash ${local.staging}/deploy.sh apply ${local.apply}"]
  }
}
