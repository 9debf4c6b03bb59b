{{/* Names, labels, the image: what every object has. */}}

{{- define "chorus.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The release's name, with the chart's where the release does not name it. 52 leaves room for suffixes. */}}
{{- define "chorus.fullname" -}}
{{- $name := include "chorus.name" . }}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- .Values.fullnameOverride | default $full | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "chorus.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace }}
{{- end }}

{{/* What is selected by: call with the root and the component. They never change. */}}
{{- define "chorus.selectorLabelsOf" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "chorus.name" $root | quote }}
app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* Labels of a component's objects: call with the root and the component. */}}
{{- define "chorus.labelsOf" -}}
{{- $root := index . 0 -}}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{ include "chorus.selectorLabelsOf" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "chorus.selectorLabels" -}}
{{- include "chorus.selectorLabelsOf" (list . "server") }}
{{- end }}

{{- define "chorus.labels" -}}
{{- include "chorus.labelsOf" (list . "server") }}
{{- end }}

{{/* What the pod of `helm test` is known by: not all of the selector's, so that no request reaches it. */}}
{{- define "chorus.testSelectorLabels" -}}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: test
{{- end }}

{{- define "chorus.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end }}
{{- end }}

{{- define "chorus.serviceAccountName" -}}
{{- $made := ternary (include "chorus.fullname" .) "default" .Values.serviceAccount.create }}
{{- .Values.serviceAccount.name | default $made }}
{{- end }}

{{/* What the service speaks. */}}
{{- define "chorus.scheme" -}}
{{ ternary "https" "http" (not (empty .Values.tls.existingSecret)) }}
{{- end }}

{{/* Without an autoscaler of the chart's. Null, for one of somebody else's, is one pod to begin with: Kubernetes' default. */}}
{{- define "chorus.replicas" -}}
{{ ternary 1 .Values.replicas (kindIs "invalid" .Values.replicas) }}
{{- end }}

{{/* The fewest pods that there will be. */}}
{{- define "chorus.leastReplicas" -}}
{{- if .Values.hpa.enabled }}{{ .Values.hpa.minReplicas }}
{{- else if .Values.keda.enabled }}{{ .Values.keda.minReplicas }}
{{- else }}{{ include "chorus.replicas" . }}
{{- end }}
{{- end }}

{{/* The most. */}}
{{- define "chorus.mostReplicas" -}}
{{- if .Values.hpa.enabled }}{{ .Values.hpa.maxReplicas }}
{{- else if .Values.keda.enabled }}{{ .Values.keda.maxReplicas }}
{{- else }}{{ include "chorus.replicas" . }}
{{- end }}
{{- end }}

{{/* A quantity of Kubernetes, such as 512Mi or 500m, as a number; empty where it is none. */}}
{{- define "chorus.quantity" -}}
{{- $text := toString . }}
{{- $units := dict "" 1 "n" 1e-9 "u" 1e-6 "m" 1e-3 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "Pi" 1125899906842624 "Ei" 1152921504606846976 }}
{{- $number := regexFind "^[0-9]+([.][0-9]+)?([eE][+-]?[0-9]+)?" $text }}
{{- $unit := trimPrefix $number $text }}
{{- if and $number (hasKey $units $unit) }}
{{- mulf (float64 $number) (get $units $unit) | printf "%.9f" }}
{{- end }}
{{- end }}

{{/* A duration of the service's settings, such as 1500ms, in milliseconds. */}}
{{- define "chorus.milliseconds" -}}
{{- $units := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 }}
{{- $sum := 0 }}
{{- range regexFindAll "[0-9]+[a-z]+" . -1 }}
{{- $sum = add $sum (mul (int64 (regexFind "^[0-9]+" .)) (get $units (regexFind "[a-z]+$" .))) }}
{{- end }}
{{- $sum }}
{{- end }}
