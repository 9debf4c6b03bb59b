{{/* How Prometheus finds the pods. */}}

{{/* What an endpoint of a monitor has beside its port: call with the values of serviceMonitor or podMonitor. */}}
{{- define "chorus.scrape" -}}
path: /metrics
{{- with .interval }}
interval: {{ . }}
{{- end }}
{{- with .scrapeTimeout }}
scrapeTimeout: {{ . }}
{{- end }}
{{- if ne .scheme "http" }}
scheme: {{ .scheme }}
{{- end }}
{{- with .tlsConfig }}
tlsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .relabelings }}
relabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/*
Texts that wait, and requests that are refused each second: they count too, or shedding would hide the demand. By the labels
that the operator gives to what its monitor finds.
*/}}
{{- define "chorus.kedaQuery" -}}
{{- $namespace := include "chorus.namespace" . }}
{{- $name := include "chorus.fullname" . }}
{{- $pods := printf `{namespace="%s",service="%s-metrics"}` $namespace $name }}
{{- if .Values.podMonitor.enabled }}
{{- $pods = printf `{namespace="%s",job="%s"}` $namespace (include "chorus.podMonitorJob" .) }}
{{- end }}
{{- printf "sum(chorus_pending_texts%s) + (sum(rate(chorus_requests_shed_total%s[1m])) or vector(0))" $pods $pods }}
{{- end }}
