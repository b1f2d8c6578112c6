# A registry for archives and images (docs/registry.md), from which the machine may pull and to which it may not push.

locals {
  images       = ["api-gateway", "model-archiver", "torchserve"]
  repositories = toset(concat(local.images, [for model in var.models : "model-${model}"]))
  # The value of REGISTRY: host and namespace.
  registry = "${data.aws_caller_identity.own.account_id}.dkr.ecr.${data.aws_region.own.name}.amazonaws.com/${var.name}"
}

data "aws_caller_identity" "own" {}

data "aws_region" "own" {}

# Tags can move, because those of commits and signatures do when a commit is released as a second version. The scripts never
# replace a version. A key of one's own is optional.
#trivy:ignore:AWS-0033 #trivy:ignore:AWS-0031
resource "aws_ecr_repository" "release" {
  for_each = local.repositories

  name                 = "${var.name}/${each.value}"
  image_tag_mutability = "MUTABLE"

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = var.kms_key_arn == null ? "AES256" : "KMS"
    kms_key         = var.kms_key_arn
  }
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "pull" {
  statement {
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"] # this action knows no resource
  }

  statement {
    actions = [
      "ecr:BatchCheckLayerAvailability",
      "ecr:BatchGetImage",
      "ecr:DescribeImages",
      "ecr:GetDownloadUrlForLayer",
      "ecr:ListImages",
    ]
    resources = [for repository in aws_ecr_repository.release : repository.arn]
  }
}

resource "aws_iam_role" "machine" {
  name_prefix        = "${var.name}-"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy" "pull" {
  name   = "pull"
  role   = aws_iam_role.machine.id
  policy = data.aws_iam_policy_document.pull.json
}

resource "aws_iam_instance_profile" "machine" {
  name_prefix = "${var.name}-"
  role        = aws_iam_role.machine.name
}
