# One machine on AWS with its address, name and firewall. The registry is in registry.tf.

module "user_data" {
  source = "../cloud-init"

  distribution        = "debian"
  domain              = var.domain
  repository          = var.repository
  revision            = var.revision
  api_keys            = var.api_keys
  weights_url         = var.weights_url
  weights_sha256      = var.weights_sha256
  settings            = merge({ REGISTRY = local.registry }, var.settings)
  ssh_authorized_keys = var.ssh_authorized_keys
  ssh_from            = var.ssh_from
}

data "aws_subnet" "chosen" {
  id = var.subnet_id
}

data "aws_ami" "debian" {
  most_recent = true
  owners      = ["136693071363"] # Debian

  filter {
    name   = "name"
    values = ["debian-13-amd64-*"]
  }
}

resource "aws_security_group" "machine" {
  name        = var.name
  description = "HTTP, HTTPS and, from chosen networks, SSH"
  vpc_id      = data.aws_subnet.chosen.vpc_id
  tags        = { Name = var.name }
}

locals {
  # HTTP is for the certificate and a redirect, UDP for HTTP/3.
  public_ports = {
    http  = { protocol = "tcp", port = 80 }
    https = { protocol = "tcp", port = 443 }
    http3 = { protocol = "udp", port = 443 }
  }
}

resource "aws_vpc_security_group_ingress_rule" "public" {
  for_each = local.public_ports

  security_group_id = aws_security_group.machine.id
  description       = each.key
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = each.value.protocol
  from_port         = each.value.port
  to_port           = each.value.port
}

resource "aws_vpc_security_group_ingress_rule" "ssh" {
  for_each = toset(var.ssh_from)

  security_group_id = aws_security_group.machine.id
  description       = "SSH"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 22
  to_port           = 22
}

# Packages, base images, the certificate, the registry: their mirrors have no fixed addresses.
#trivy:ignore:AWS-0104
resource "aws_vpc_security_group_egress_rule" "all" {
  security_group_id = aws_security_group.machine.id
  description       = "everything"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

# The name is there before the machine asks for a certificate, and outlives it.
resource "aws_eip" "machine" {
  domain = "vpc"
  tags   = { Name = var.name }
}

resource "aws_route53_record" "machine" {
  zone_id = var.zone_id
  name    = var.domain
  type    = "A"
  ttl     = 60
  records = [aws_eip.machine.public_ip]
}

# The address is on the interface before the machine starts: its first start downloads packages.
resource "aws_network_interface" "machine" {
  subnet_id       = var.subnet_id
  security_groups = [aws_security_group.machine.id]
  tags            = { Name = var.name }
}

resource "aws_eip_association" "machine" {
  allocation_id        = aws_eip.machine.id
  network_interface_id = aws_network_interface.machine.id
}

resource "aws_instance" "machine" {
  ami                  = data.aws_ami.debian.id
  instance_type        = var.instance_type
  iam_instance_profile = aws_iam_instance_profile.machine.name
  user_data            = module.user_data.user_data
  tags                 = { Name = var.name }

  network_interface {
    device_index         = 0
    network_interface_id = aws_network_interface.machine.id
  }

  root_block_device {
    volume_type           = "gp3"
    volume_size           = var.disk_gb
    encrypted             = true
    kms_key_id            = var.kms_key_arn
    delete_on_termination = !var.keep_disk
    tags                  = { Name = var.name }
  }

  # Sessions of the metadata service, and none for containers: their packets take one hop more.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  lifecycle {
    # User data act at the first start only, and a newer image must not replace a machine with weights on it.
    ignore_changes = [ami, user_data]
  }

  depends_on = [
    aws_eip_association.machine,
    aws_route53_record.machine,
    aws_vpc_security_group_egress_rule.all,
    aws_vpc_security_group_ingress_rule.public,
  ]
}
