{{/* What values.schema.json cannot say: which values go together. A file for each topic. */}}
{{- define "chorus.checks" -}}
{{- if eq .Values.enabled false }}
{{- fail "enabled is false, and the chart is rendered all the same; it is for `condition:` in the Chart.yaml of a chart that depends on this one." }}
{{- end }}
{{- include "chorus.durationChecks" . }}
{{- include "chorus.sizeChecks" . }}
{{- include "chorus.modelsChecks" . }}
{{- include "chorus.computeChecks" . }}
{{- include "chorus.scalingChecks" . }}
{{- include "chorus.podChecks" . }}
{{- include "chorus.networkChecks" . }}
{{- include "chorus.labelChecks" . }}
{{- include "chorus.nameChecks" . }}
{{- include "chorus.redisChecks" . }}
{{- end }}

{{/* The service takes no time longer than a day. */}}
{{- define "chorus.durationChecks" -}}
{{- $cache := .Values.cache }}
{{- $all := dict "cache.ttl" $cache.ttl "cache.redis.timeout" $cache.redis.timeout }}
{{- range $name, $value := .Values.settings }}
{{- $_ := set $all (printf "settings.%s" $name) $value }}
{{- end }}
{{- range $name, $value := $all }}
{{- if regexMatch "^[0-9]+(ms|s|m|h)$" (toString $value) }}
{{- if gt (include "chorus.milliseconds" $value | int64) 86400000 }}
{{- fail (printf "%s is %s; it must be at most 24h." $name $value) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Nor memory for answers above this. */}}
{{- define "chorus.sizeChecks" -}}
{{- $size := toString .Values.cache.size }}
{{- if regexMatch "^[0-9]+(B|KiB|MiB|GiB)?$" $size }}
{{- $units := dict "" 1 "B" 1 "KiB" 1024 "MiB" 1048576 "GiB" 1073741824 }}
{{- if gt (mul (int64 (regexFind "^[0-9]+" $size)) (get $units (regexFind "[A-Za-z]*$" $size))) 68719476736 }}
{{- fail (printf "cache.size is %s; it must be at most 64GiB." $size) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Helm lets a release have dots, or begin with a digit, and a Service not. */}}
{{- define "chorus.nameChecks" -}}
{{- $name := include "chorus.fullname" . }}
{{- if regexMatch "[.]|^[0-9]" $name }}
{{- fail (printf "The release %s would have a Service %s, which no Service can be called; set fullnameOverride, such as %s." .Release.Name $name (regexReplaceAll "^([0-9])" (replace "." "-" $name) "chorus-${1}")) }}
{{- end }}
{{- end }}

{{/* A label that is there twice would be one of both, and those that are selected by must never change. */}}
{{- define "chorus.labelChecks" -}}
{{- $own := list "helm.sh/chart" "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component" "app.kubernetes.io/version" "app.kubernetes.io/managed-by" "chorus/port" }}
{{- $all := dict "commonLabels" .Values.commonLabels "podLabels" .Values.podLabels "service.labels" .Values.service.labels "metricsService.labels" .Values.metricsService.labels "serviceMonitor.labels" .Values.serviceMonitor.labels "podMonitor.labels" .Values.podMonitor.labels "prometheusRule.labels" .Values.prometheusRule.labels "dashboard.labels" .Values.dashboard.labels }}
{{- range $path, $labels := $all }}
{{- range $label, $value := $labels }}
{{- if not (regexMatch "^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$" (toString $value)) }}
{{- fail (printf "%s.%s is %q, which no label can be; it must be letters, digits, -, _ and . with a letter or digit at both ends, 63 at most." $path $label (toString $value)) }}
{{- end }}
{{- if not (regexMatch "^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$" $label) }}
{{- fail (printf "%s has %q, which no label can be called; it must be such as team or example.com/team." $path $label) }}
{{- end }}
{{- if has $label $own }}
{{- fail (printf "%s has %s, which the chart sets." $path $label) }}
{{- end }}
{{- if and (ne $path "commonLabels") (hasKey ($.Values.commonLabels | default dict) $label) }}
{{- fail (printf "%s has %s, and so has commonLabels; say it once." $path $label) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
