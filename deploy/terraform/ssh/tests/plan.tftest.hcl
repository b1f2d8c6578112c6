# What can be seen without a machine: the plan, and that wrong values are refused with a reason.

variables {
  host           = "vision.example.org"
  user           = "deploy"
  host_key       = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3gFJwQbYl0rR2S7Q0bF2Wc5cQ7h7xq0v6u3o1m2n4p"
  source_archive = "./versions.tf"
}

run "addresses_on_loopback" {
  command = plan

  assert {
    condition     = output.url == "http://127.0.0.1:8001" && output.health == "http://127.0.0.1:8001/health/ready"
    error_message = "Without BIND the gateway answers on the machine itself: ${output.url}, ${output.health}"
  }
  assert {
    condition     = output.tunnel == "ssh -N -p 22 -L 8001:127.0.0.1:8001 deploy@vision.example.org"
    error_message = output.tunnel
  }
  assert {
    condition     = keys(terraform_data.upload) == ["deploy.sh", "source.tar.gz"]
    error_message = "Only what is given is uploaded."
  }
}

run "addresses_on_the_network" {
  command = plan
  variables {
    settings = { BIND = "0.0.0.0", GATEWAY_PORT = "9001", REDIS_URL = "redis://:s3cret@10.0.0.2:6379/0" }
  }

  assert {
    condition     = output.url == "http://vision.example.org:9001"
    error_message = output.url
  }
  assert {
    condition     = strcontains(local.env_file, "\nREDIS_URL='redis://:s3cret@10.0.0.2:6379/0'\n")
    error_message = "Each setting is a line of .env, in single quotes."
  }
  assert {
    condition     = !strcontains(jsonencode(terraform_data.settings.triggers_replace[1]), "s3cret") && length(local.settings_digest) == 64
    error_message = "The state has the digest of the settings alone."
  }
}

run "from_git" {
  command = plan
  variables {
    source_archive = null
    repository     = "https://git.example.org/vision/yolo-serving.git"
    revision       = "v1.2.0"
  }

  assert {
    condition     = endswith(local.apply, " --repository 'https://git.example.org/vision/yolo-serving.git' --revision 'v1.2.0'")
    error_message = local.apply
  }
}

run "a_host_key_is_required" {
  command         = plan
  expect_failures = [var.host_key]
  variables { host_key = "" }
}

run "a_file_that_is_missing" {
  command         = plan
  expect_failures = [var.source_archive, var.weights, var.api_keys_file, var.private_key_path]
  variables {
    source_archive   = "missing.tar.gz"
    weights          = "missing.pt"
    api_keys_file    = "missing.jsonl"
    private_key_path = "missing"
  }
}

run "neither_archive_nor_revision" {
  command         = plan
  expect_failures = [var.source_archive]
  variables { source_archive = null }
}

run "a_token_in_the_address" {
  command         = plan
  expect_failures = [var.repository]
  variables {
    source_archive = null
    repository     = "https://token@git.example.org/vision/yolo-serving.git"
    revision       = "v1.2.0"
  }
}

run "words_for_a_shell" {
  command         = plan
  expect_failures = [var.host, var.user, var.folder]
  variables {
    host   = "-oProxyCommand=id"
    user   = "root;id"
    folder = "a'b"
  }
}

run "a_folder_above" {
  command         = plan
  expect_failures = [var.folder]
  variables { folder = "/srv/../etc" }
}

run "a_revision_for_a_shell" {
  command         = plan
  expect_failures = [var.revision]
  variables {
    source_archive = null
    repository     = "https://git.example.org/vision/yolo-serving.git"
    revision       = "--upload-pack=id"
  }
}

run "a_setting_that_ends_its_quotes" {
  command         = plan
  expect_failures = [var.settings]
  variables { settings = { NOTE = "it's" } }
}

run "a_setting_of_two_lines" {
  command         = plan
  expect_failures = [var.settings]
  variables { settings = { NOTE = "a\nAUTH=off" } }
}

run "a_name_that_is_none" {
  command         = plan
  expect_failures = [var.settings]
  variables { settings = { "a b" = "1" } }
}

run "keys_in_docker_mode" {
  command         = plan
  expect_failures = [var.api_keys_file]
  variables {
    mode          = "docker"
    api_keys_file = "./versions.tf"
  }
}

run "no_such_mode" {
  command         = plan
  expect_failures = [var.mode]
  variables { mode = "podman" }
}

run "no_such_port" {
  command         = plan
  expect_failures = [var.port]
  variables { port = 70000 }
}
