{{- define "yolo.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "yolo.torchserve" -}}{{ include "yolo.name" . }}-torchserve{{- end }}

{{- define "yolo.account" -}}{{ .Values.serviceAccount.name | default (include "yolo.name" .) }}{{- end }}

{{/* Labels that select the pods of a part: they never change. Called with (list $ "gateway"). */}}
{{- define "yolo.selector" -}}
app.kubernetes.io/name: yolo-serving
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "yolo.labels" -}}
{{ include "yolo.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Values.version | default (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ printf "%s-%s" (index . 0).Chart.Name (index . 0).Chart.Version }}
{{- end }}

{{/* The image of a part. Called with (list $ .Values.gateway "api-gateway"). */}}
{{- define "yolo.image" -}}
{{- $root := index . 0 }}{{ $part := index . 1 }}
{{- if $part.image }}{{ $part.image }}
{{- else }}
{{- $registry := required "registry: where release_images.sh pushed the images, such as ghcr.io/me/yolo" $root.Values.registry }}
{{- if $part.digest }}{{ printf "%s/%s@%s" $registry (index . 2) $part.digest }}
{{- else }}{{ printf "%s/%s:%s" $registry (index . 2) (required "version: the tag of the images, as in release_images.sh push VERSION" $root.Values.version) }}
{{- end }}{{ end }}
{{- end }}

{{- define "yolo.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "yolo.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* What all pods have. Called with (list $ "gateway"). */}}
{{- define "yolo.placement" -}}
{{- $root := index . 0 }}
serviceAccountName: {{ include "yolo.account" $root }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  {{- include "yolo.podSecurity" $root | nindent 2 }}
{{- with $root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: {{ $root.Values.topologyKey }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "yolo.selector" . | nindent 8 }}
{{- end }}

{{/* The versions of the first model that are in the store, the current one first. */}}
{{- define "yolo.routing" -}}
{{- if .Values.canary.version -}}
{"schema": 1, "revision": {{ .Release.Revision }}, "stable": {{ (first .Values.models).version | toJson }}, "canary": {"version": {{ .Values.canary.version | toJson }}, "percent": {{ .Values.canary.percent }}, "salt": {{ .Values.canary.salt | toJson }}}}
{{- else -}}
{"schema": 1, "revision": {{ .Release.Revision }}}
{{- end }}
{{- end }}
