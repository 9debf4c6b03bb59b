{{/* How many pods there are, and how they are replaced. */}}
{{- define "chorus.scalingChecks" -}}
{{- if and .Values.hpa.enabled .Values.keda.enabled }}
{{- fail "hpa.enabled and keda.enabled exclude each other; KEDA makes a HorizontalPodAutoscaler of its own." }}
{{- end }}
{{- range $name := list "hpa" "keda" }}
{{- $scaling := index $.Values $name }}
{{- if lt (int $scaling.maxReplicas) (int (max $scaling.minReplicas 1)) }}
{{- fail (printf "%s.maxReplicas is %d; it must be at least %s.minReplicas = %d." $name (int $scaling.maxReplicas) $name (int $scaling.minReplicas)) }}
{{- end }}
{{- end }}
{{- if .Values.hpa.enabled }}
{{- $requests := .Values.resources.requests | default dict }}
{{- $limits := .Values.resources.limits | default dict }}
{{- /* Kubernetes makes the request of the limit, where there is none. */}}
{{- if and .Values.hpa.cpuPercent (not $requests.cpu) (not $limits.cpu) }}
{{- fail "hpa.enabled needs resources.requests.cpu; the target is a percentage of it." }}
{{- end }}
{{- if not (or .Values.hpa.cpuPercent .Values.hpa.metrics) }}
{{- fail "hpa.enabled needs something to scale on; set hpa.cpuPercent or hpa.metrics." }}
{{- end }}
{{- end }}
{{- if .Values.keda.enabled }}
{{- include "chorus.kedaChecks" . }}
{{- end }}
{{- include "chorus.updateChecks" . }}
{{- include "chorus.pdbChecks" . }}
{{- end }}

{{- define "chorus.kedaChecks" -}}
{{- $keda := .Values.keda }}
{{- $isOwnQuery := and $keda.prometheus (not $keda.query) }}
{{- if not (or $keda.prometheus $keda.triggers) }}
{{- fail "keda.enabled needs keda.prometheus, such as http://prometheus.monitoring:9090, or keda.triggers." }}
{{- end }}
{{- range $name := list "query" "authenticationRef" }}
{{- if and (index $keda $name) (not $keda.prometheus) }}
{{- fail (printf "keda.%s is for keda.prometheus, which is empty." $name) }}
{{- end }}
{{- end }}
{{- if and $isOwnQuery (not $.Values.serviceMonitor.enabled) (not $.Values.podMonitor.enabled) }}
{{- fail "keda.enabled asks Prometheus for what a monitor of this release has it scrape, and there is none; set serviceMonitor.enabled or podMonitor.enabled, or give keda.query." }}
{{- end }}
{{- $counting := list }}
{{- range $keda.triggers }}
{{- if not (has .type (list "cpu" "memory")) }}{{ $counting = append $counting .type }}{{ end }}
{{- end }}
{{- if and (eq (int $keda.minReplicas) 0) $keda.triggers (not $keda.prometheus) (not $counting) }}
{{- fail "keda.minReplicas is 0, and then no pod has cpu or memory to look at; give keda.query or keda.triggers that count what is in front." }}
{{- end }}
{{- if and (eq (int $keda.minReplicas) 0) (or $isOwnQuery (not $keda.prometheus)) (not $keda.triggers) }}
{{- fail "keda.minReplicas is 0, and then no pod says what waits; give keda.query or keda.triggers that count what is in front." }}
{{- end }}
{{- end }}

{{/* What is no whole pod is none: percents of maxUnavailable are rounded down. */}}
{{- define "chorus.updateChecks" -}}
{{- $surge := toString .Values.rollingUpdate.maxSurge }}
{{- $unavailable := toString .Values.rollingUpdate.maxUnavailable }}
{{- if eq (trimSuffix "%" $surge) "0" }}
{{- if eq (trimSuffix "%" $unavailable) "0" }}
{{- fail "rollingUpdate.maxSurge and rollingUpdate.maxUnavailable are both 0; no pod could ever be replaced." }}
{{- end }}
{{- $pods := include "chorus.leastReplicas" . | int }}
{{- if and $pods (hasSuffix "%" $unavailable) (lt (div (mul $pods (trimSuffix "%" $unavailable | int)) 100) 1) }}
{{- fail (printf "rollingUpdate.maxSurge is 0 and rollingUpdate.maxUnavailable %s, which of %d is no pod; none could be replaced. Say how many: {maxSurge: 0, maxUnavailable: 1}." $unavailable $pods) }}
{{- end }}
{{- end }}
{{- end }}

{{/* A budget that nothing may go by keeps nodes from being drained. */}}
{{- define "chorus.pdbChecks" -}}
{{- $pdb := .Values.pdb }}
{{- $pods := include "chorus.leastReplicas" . | int }}
{{- $hasLeast := not (kindIs "invalid" $pdb.minAvailable) }}
{{- if and $hasLeast (not (kindIs "invalid" $pdb.maxUnavailable)) }}
{{- fail "pdb.minAvailable and pdb.maxUnavailable exclude each other; a budget has one of them." }}
{{- end }}
{{- if and $pdb.enabled (gt $pods 1) }}
{{- if eq (toString $pdb.maxUnavailable | trimSuffix "%") "0" }}
{{- fail (printf "pdb.maxUnavailable is %v; no node with a pod could ever be drained." $pdb.maxUnavailable) }}
{{- end }}
{{- if $hasLeast }}
{{- $least := toString $pdb.minAvailable }}
{{- $kept := int $least }}
{{- if hasSuffix "%" $least }}
{{- $kept = div (add (mul $pods (trimSuffix "%" $least | int)) 99) 100 }}
{{- end }}
{{- if ge (int $kept) $pods }}
{{- fail (printf "pdb.minAvailable is %s, and there may be no more than %d pods; no node with one of them could ever be drained." $least $pods) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
