{{/* Rules that several network policies have, as lists in YAML. */}}

{{- define "chorus.dnsEgress" -}}
- ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- end }}

{{- define "chorus.hubEgress" -}}
- ports:
    {{- range include "chorus.hubPorts" . | fromJsonArray }}
    - port: {{ . }}
    {{- end }}
{{- end }}

{{/*
What Istio needs besides the service's own ports, which a sidecar takes over unseen: of istiod configuration and certificates,
or HBONE, by which everything goes in ambient mode.
*/}}
{{- define "chorus.istioEgress" -}}
{{- with get (dict "sidecar" 15012 "ambient" 15008) (.Values.istio.dataplaneMode | default "") -}}
- ports:
    - port: {{ . }}
{{- end }}
{{- end }}

{{/* In ambient mode whoever may come to a port comes by HBONE. */}}
{{- define "chorus.hbonePort" -}}
{{- if eq (.Values.istio.dataplaneMode | default "") "ambient" -}}
- port: 15008
{{- end }}
{{- end }}

{{/* Ports of what is watched: the service's, and of a sidecar merged metrics, its health, its own metrics. */}}
{{- define "chorus.adminPorts" -}}
- port: admin
{{- if eq (.Values.istio.dataplaneMode | default "") "sidecar" }}
{{- range list 15020 15021 15090 }}
- port: {{ . }}
{{- end }}
{{- end }}
{{ include "chorus.hbonePort" . }}
{{- end }}
