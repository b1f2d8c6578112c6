#!/bin/sh
# Write Prometheus' configuration from the environment and become Prometheus; natively and in Compose.
#
#   GATEWAY_TARGETS                       host:port, comma-separated; empty: GATEWAY_DEFAULT
#   TORCHSERVE_TARGETS                    the same
#   NODE_TARGETS, ALERTMANAGER_TARGETS    the same; empty: none
#   CERTIFICATES                          host:port whose certificates are watched by the blackbox exporter at
#   BLACKBOX_TARGET                       this host:port; empty: none
#   METRICS_KEY_FILE                      a file with an API key of scope admin; empty: the gateway requires none
#   SCRAPE_INTERVAL                       such as 15s
#   PROMETHEUS_CONFIG                     the file that is written
#
# Arguments are Prometheus' own.
set -eu
here=$(cd "${0%/*}" && pwd)

# list HOST:PORT,...: as a list of YAML.
list() {
  printf '[%s]' "$(printf %s "$1" | tr -d ' ' | sed "s/[^,]\{1,\}/'&'/g")"
}

# job NAME TARGETS: a job that scrapes /metrics; nothing without targets.
job() {
  if [ -z "$2" ]; then return; fi
  printf '  - job_name: %s\n    static_configs:\n      - targets: %s\n' "$1" "$(list "$2")"
}

config=${PROMETHEUS_CONFIG:-/prometheus/prometheus.yml}
{
  printf 'global:\n  scrape_interval: %s\n  evaluation_interval: %s\n' "${SCRAPE_INTERVAL:-15s}" "${SCRAPE_INTERVAL:-15s}"
  printf "rule_files: ['%s/rules/*.yml']\n" "$here"
  if [ -n "${ALERTMANAGER_TARGETS:-}" ]; then
    printf 'alerting:\n  alertmanagers:\n    - static_configs:\n        - targets: %s\n' "$(list "$ALERTMANAGER_TARGETS")"
  fi
  printf 'scrape_configs:\n'
  job gateway "${GATEWAY_TARGETS:-$GATEWAY_DEFAULT}"
  if [ -n "${METRICS_KEY_FILE:-}" ]; then
    # Prometheus would take a relative path from the folder of its configuration.
    case $METRICS_KEY_FILE in /*) ;; *) METRICS_KEY_FILE=$PWD/$METRICS_KEY_FILE ;; esac
    printf "    authorization:\n      credentials_file: '%s'\n" "$METRICS_KEY_FILE"
  fi
  job torchserve "$TORCHSERVE_TARGETS"
  job node "${NODE_TARGETS:-}"
  if [ -n "${CERTIFICATES:-}" ] && [ -n "${BLACKBOX_TARGET:-}" ]; then
    job certificates "$CERTIFICATES"
    cat <<YAML
    metrics_path: /probe
    params: {module: [tls]}
    relabel_configs:
      - {source_labels: [__address__], target_label: __param_target}
      - {source_labels: [__param_target], target_label: instance}
      - {target_label: __address__, replacement: '$BLACKBOX_TARGET'}
YAML
  fi
} >"$config"
# Exemplars lead from a slow bucket to a trace.
exec prometheus --config.file="$config" --enable-feature=exemplar-storage "$@"
