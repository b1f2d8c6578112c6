#!/bin/sh
# Write Alertmanager's configuration from the environment and become Alertmanager; natively and in Compose.
#
#   ALERT_WEBHOOK_URL        where alerts are posted as JSON; empty: nowhere
#   ALERT_EMAIL_TO           addresses for mail, comma-separated; empty: none. With ALERT_EMAIL_FROM, ALERT_SMTP_HOST
#                            (host:port), ALERT_SMTP_USER and ALERT_SMTP_PASSWORD_FILE (both empty: no authentication)
#   ALERT_GROUP_WAIT         how long a first alert waits for others that belong to it
#   ALERT_REPEAT             after which time an alert that still fires is sent again
#   ALERTMANAGER_CONFIG      the file that is written
#
# Without a receiver, alerts are on Alertmanager's page alone. Arguments are Alertmanager's own.
set -eu

# quoted TEXT: as a string of YAML.
quoted() {
  printf "'%s'" "$(printf %s "$1" | sed "s/'/''/g")"
}

config=${ALERTMANAGER_CONFIG:-/alertmanager/alertmanager.yml}
wait=${ALERT_GROUP_WAIT:-30s}
{
  printf 'route:\n  receiver: people\n  group_by: [alertname]\n  group_wait: %s\n  group_interval: %s\n' "$wait" "$wait"
  printf '  repeat_interval: %s\n' "${ALERT_REPEAT:-4h}"
  # Where the gateway is gone or has no worker, what follows from it would be noise.
  cat <<'YAML'
inhibit_rules:
  - source_matchers: [alertname=~"GatewayDown|NoWorkerReady"]
    target_matchers: [alertname=~"AvailabilityBudgetBurn|LatencyBudgetBurn|ModelServerFailing|RequestsRefused"]
receivers:
  - name: people
YAML
  if [ -n "${ALERT_WEBHOOK_URL:-}" ]; then
    printf '    webhook_configs:\n      - url: %s\n        send_resolved: true\n' "$(quoted "$ALERT_WEBHOOK_URL")"
  fi
  if [ -n "${ALERT_EMAIL_TO:-}" ]; then
    : "${ALERT_EMAIL_FROM:?set it to the address that alerts are sent from}"
    : "${ALERT_SMTP_HOST:?set it to the host:port that takes the mail}"
    printf '    email_configs:\n      - to: %s\n        from: %s\n        smarthost: %s\n        send_resolved: true\n' \
      "$(quoted "$ALERT_EMAIL_TO")" "$(quoted "$ALERT_EMAIL_FROM")" "$(quoted "$ALERT_SMTP_HOST")"
    if [ -n "${ALERT_SMTP_USER:-}" ]; then
      : "${ALERT_SMTP_PASSWORD_FILE:?set it to a file with the password of ALERT_SMTP_USER}"
      case $ALERT_SMTP_PASSWORD_FILE in /*) ;; *) ALERT_SMTP_PASSWORD_FILE=$PWD/$ALERT_SMTP_PASSWORD_FILE ;; esac
      printf '        auth_username: %s\n        auth_password_file: %s\n' \
        "$(quoted "$ALERT_SMTP_USER")" "$(quoted "$ALERT_SMTP_PASSWORD_FILE")"
    else
      printf '        require_tls: false\n'
    fi
  fi
} >"$config"
# Debian's package gives the program another name.
program=$(command -v alertmanager || command -v prometheus-alertmanager)
exec "$program" --config.file="$config" "$@"
