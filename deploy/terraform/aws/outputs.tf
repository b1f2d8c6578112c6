output "url" {
  description = "The gateway, behind TLS."
  value       = module.user_data.url
}

output "address" {
  description = "Public address of the machine."
  value       = aws_eip.machine.public_ip
}

output "registry" {
  description = "Value of REGISTRY for the machine that releases."
  value       = local.registry
}
