# The user data that are rendered, and what is refused.

variables {
  domain     = "vision.example.org"
  repository = "https://git.example.org/vision/yolo-serving.git"
  revision   = "v1.2.0"
  api_keys   = "{\"name\": \"phone\", \"sha256\": \"00\"}\n"
}

run "the_least" {
  command = plan

  assert {
    condition     = startswith(output.user_data, "#cloud-config\n")
    error_message = "cloud-init reads the first line."
  }
  assert {
    condition     = jsonencode(yamldecode(output.user_data).runcmd) == jsonencode([["bash", "/var/lib/yolo-serving/first_start.sh", "/opt/yolo-serving", var.repository, "v1.2.0"]])
    error_message = "Nothing but the project is named."
  }
  assert {
    condition     = alltrue([for file in yamldecode(output.user_data).write_files : file.permissions == "0600"])
    error_message = "Files are root's alone."
  }
  assert {
    condition     = local.files["settings.env"] == "BIND='127.0.0.1'\nCOMPOSE_PROFILES='edge'\nDOMAIN='vision.example.org'\n"
    error_message = local.files["settings.env"]
  }
  assert {
    condition     = !contains(keys(yamldecode(output.user_data)), "ssh_authorized_keys") && yamldecode(output.user_data).ssh_pwauth == false
    error_message = "An empty list is left out."
  }
  assert {
    condition     = output.url == "https://vision.example.org"
    error_message = output.url
  }
}

run "everything" {
  command = plan
  variables {
    distribution        = "ubuntu"
    weights_url         = "https://files.example.org/best.pt"
    weights_sha256      = "5f6f620d0fa574ed80d8348bb8d46060148eb0ba24e3eea00d31a30cdadba41d"
    settings            = { RATE_LIMIT = "60/minute" }
    ssh_authorized_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3gFJwQbYl0rR2S7Q0bF2Wc5cQ7h7xq0v6u3o1m2n4p me"]
    ssh_from            = ["203.0.113.0/24", "2001:db8::/32"]
  }

  assert {
    condition     = contains(yamldecode(output.user_data).packages, "docker-compose-v2")
    error_message = "Ubuntu's package of Compose."
  }
  assert {
    condition     = jsonencode(slice(yamldecode(output.user_data).runcmd[0], 5, 7)) == jsonencode(["203.0.113.0/24", "2001:db8::/32"])
    error_message = "Networks that may use SSH."
  }
  assert {
    condition     = strcontains(local.files["settings.env"], "WEIGHTS='https://files.example.org/best.pt'\nWEIGHTS_SHA256='5f6f62")
    error_message = local.files["settings.env"]
  }
}

run "no_key" {
  command         = plan
  expect_failures = [var.api_keys]
  variables { api_keys = "\n" }
}

run "weights_of_unknown_contents" {
  command         = plan
  expect_failures = [var.weights_sha256]
  variables { weights_url = "https://files.example.org/best.pt" }
}

run "a_gateway_without_keys" {
  command         = plan
  expect_failures = [var.settings]
  variables { settings = { AUTH = "off" } }
}

run "a_private_name" {
  command         = plan
  expect_failures = [var.domain]
  variables { domain = "localhost" }
}

run "words_for_a_shell" {
  command         = plan
  expect_failures = [var.repository, var.revision, var.ssh_from]
  variables {
    repository = "ext::sh -c id"
    revision   = "-x"
    ssh_from   = ["any"]
  }
}

run "too_large" {
  command         = plan
  expect_failures = [output.user_data]
  variables {
    # Digests do not compress.
    settings = { for number in range(400) : "NOTE_${number}" => sha256(tostring(number)) }
  }
}
