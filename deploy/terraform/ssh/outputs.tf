locals {
  # Two settings that are no secrets.
  gateway_port = nonsensitive(lookup(var.settings, "GATEWAY_PORT", "8001"))
  bind         = nonsensitive(lookup(var.settings, "BIND", "127.0.0.1"))
  is_public    = !startswith(local.bind, "127.") && local.bind != "::1" && local.bind != "localhost"
  url_host     = strcontains(var.host, ":") ? "[${var.host}]" : var.host
}

output "url" {
  description = "The gateway. Unless BIND opens it to the network, it answers on the machine itself, and through the tunnel."
  value       = "http://${local.is_public ? local.url_host : "127.0.0.1"}:${local.gateway_port}"
  depends_on  = [terraform_data.release]
}

output "health" {
  description = "Answers 200 while the service can detect."
  value       = "http://${local.is_public ? local.url_host : "127.0.0.1"}:${local.gateway_port}/health/ready"
  depends_on  = [terraform_data.release]
}

output "tunnel" {
  description = "Command that brings the gateway's port to this computer."
  value       = "ssh -N -p ${var.port} -L ${local.gateway_port}:127.0.0.1:${local.gateway_port} ${var.user}@${var.host}"
}
