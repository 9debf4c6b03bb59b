{{/* What a pod computes on, and whether it may have that much. */}}
{{- define "chorus.computeChecks" -}}
{{- $resources := .Values.resources }}
{{- range $kind := list "requests" "limits" }}
{{- range $name, $value := get $resources $kind | default dict }}
{{- if not (kindIs "invalid" $value) }}
{{- include "chorus.requireQuantity" (list (printf "resources.%s.%s" $kind $name) $value) | trunc 0 }}
{{- end }}
{{- end }}
{{- end }}
{{- include "chorus.requireQuantity" (list "cache.redis.cpu" .Values.cache.redis.cpu) | trunc 0 }}
{{- $limits := $resources.limits | default dict }}
{{- range $name, $request := $resources.requests }}
{{- $limit := get $limits $name }}
{{- if and $request (hasKey $limits $name) (not (kindIs "invalid" $limit)) (lt (include "chorus.quantity" $limit | float64) (include "chorus.quantity" $request | float64)) }}
{{- fail (printf "resources.limits.%s is %v, less than resources.requests.%s = %v." $name $limit $name $request) }}
{{- end }}
{{- if and $request (contains "/" $name) (ne (toString $request) (toString $limit)) }}
{{- fail (printf "resources.requests.%s is %v; Kubernetes takes it only with an equal resources.limits.%s, or give the limit alone." $name $request $name) }}
{{- end }}
{{- end }}

{{- $gpuLimit := get $limits .Values.gpu.resource }}
{{- if and .Values.gpu.count $gpuLimit (ne (toString $gpuLimit) (toString .Values.gpu.count)) }}
{{- fail (printf "resources.limits.%s is %v, and gpu.count is %d; say it once." .Values.gpu.resource $gpuLimit (int .Values.gpu.count)) }}
{{- end }}

{{- $device := .Values.settings.device | default (ternary "cuda" "auto" (gt (int .Values.gpu.count) 0)) }}
{{- $hasGpu := or .Values.gpu.count $resources.claims (ne (toString ($gpuLimit | default 0)) "0") }}
{{- if and (eq $device "cuda") (not $hasGpu) }}
{{- fail "settings.device is cuda, but pods have no GPU; set gpu.count." }}
{{- end }}
{{- if and (eq $device "cpu") .Values.gpu.count }}
{{- fail (printf "settings.device is cpu, but gpu.count is %d; nothing would use it." (int .Values.gpu.count)) }}
{{- end }}
{{- if and .Values.gpu.count (ge (int .Values.settings.deviceId) (int .Values.gpu.count)) }}
{{- fail (printf "settings.deviceId is %d, but gpu.count is %d; they are counted from 0." (int .Values.settings.deviceId) (int .Values.gpu.count)) }}
{{- end }}
{{- $runsOn := ternary "cuda" "cpu" (and (ne $device "cpu") (not (empty $hasGpu))) }}
{{- $words := dict "cpu" "a CPU" "cuda" "a GPU" }}
{{- with .Values.settings.precision }}
{{- $able := get (dict "int8" "cpu" "bf16" "cpu" "fp16" "cuda") . | default $runsOn }}
{{- if ne $able $runsOn }}
{{- $taken := get (dict "cpu" "exact, bf16 or int8" "cuda" "exact or fp16") $runsOn }}
{{- fail (printf "settings.precision is %s, which %s computes, but pods run on %s; it takes %s." . (get $words $able) (get $words $runsOn) $taken) }}
{{- end }}
{{- end }}
{{- end }}
