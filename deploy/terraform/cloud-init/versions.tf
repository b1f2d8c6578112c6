terraform {
  # A condition of a variable that refers to another variable needs 1.9. No provider is downloaded.
  required_version = ">= 1.9.0, < 2.0.0"
}
