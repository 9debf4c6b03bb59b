{{/* Who reaches the pods, and what watches them. */}}
{{- define "chorus.networkChecks" -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) }}
{{- fail "ingress.enabled needs ingress.hosts, such as [{host: texts.example}]." }}
{{- end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
{{- fail "httpRoute.enabled needs httpRoute.parentRefs, such as [{name: public, namespace: gateways}]." }}
{{- end }}
{{- if and .Values.virtualService.enabled (not .Values.virtualService.hosts) }}
{{- fail "virtualService.enabled needs virtualService.hosts." }}
{{- end }}
{{- if and .Values.tls.clientCaKey (not .Values.tls.existingSecret) }}
{{- fail "tls.clientCaKey is a key of tls.existingSecret, which is empty." }}
{{- end }}
{{- include "chorus.serviceChecks" . }}
{{- include "chorus.monitorChecks" . }}
{{- end }}

{{/* What a type of service has not is refused by the API server. */}}
{{- define "chorus.serviceChecks" -}}
{{- $service := .Values.service }}
{{- range $name := list "nodePort" "externalTrafficPolicy" }}
{{- if and (index $service $name) (eq $service.type "ClusterIP") }}
{{- fail (printf "service.%s is for service.type NodePort and LoadBalancer, and it is ClusterIP." $name) }}
{{- end }}
{{- end }}
{{- range $name := list "loadBalancerClass" "loadBalancerSourceRanges" }}
{{- if and (index $service $name) (ne $service.type "LoadBalancer") }}
{{- fail (printf "service.%s is for service.type LoadBalancer, and it is %s." $name $service.type) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "chorus.monitorChecks" -}}
{{- if and .Values.serviceMonitor.enabled (not .Values.metricsService.enabled) }}
{{- fail "serviceMonitor.enabled needs metricsService.enabled; podMonitor.enabled does without." }}
{{- end }}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled }}
{{- fail "serviceMonitor.enabled and podMonitor.enabled exclude each other; every pod would be scraped twice." }}
{{- end }}
{{- range $name := list "serviceMonitor" "podMonitor" }}
{{- $monitor := index $.Values $name }}
{{- if and $monitor.scrapeTimeout $monitor.interval }}
{{- if gt (include "chorus.milliseconds" $monitor.scrapeTimeout | int64) (include "chorus.milliseconds" $monitor.interval | int64) }}
{{- fail (printf "%s.scrapeTimeout is %s, longer than %s.interval = %s; Prometheus refuses that." $name $monitor.scrapeTimeout $name $monitor.interval) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
