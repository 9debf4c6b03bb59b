{{/*
The groups of files/rules.yaml for this release: about its own pods, with its objectives and links, without what is
disabled. The file is about every Chorus; what is replaced in it is said at its top, and held by deploy/chart.sh.
*/}}
{{- define "chorus.rules" -}}
{{- $known := list }}
{{- $left := .Values.prometheusRule.disabled | default list }}
{{- if eq (include "chorus.leastReplicas" . | int) 0 }}
{{- /* No pod is nothing to be woken for, and the service's own metrics cannot tell whether there should be one. */}}
{{- $left = append $left "ChorusAbsent" }}
{{- end }}
{{- $groups := list }}
{{- range $group := (include "chorus.rulesOfRelease" . | fromYaml).groups }}
{{- $rules := list }}
{{- range $rule := $group.rules }}
{{- $alert := $rule.alert | default "" }}
{{- if $alert }}
{{- $known = append $known $alert }}
{{- with $.Values.prometheusRule.runbookUrl }}
{{- $_ := set $rule.annotations "runbook_url" (printf "%s#%s" . (lower $alert)) }}
{{- end }}
{{- end }}
{{- if not (has $alert $left) }}
{{- $rules = append $rules $rule }}
{{- end }}
{{- end }}
{{- $groups = append $groups (dict "name" $group.name "rules" $rules) }}
{{- end }}
{{- range .Values.prometheusRule.disabled }}
{{- if not (has . $known) }}
{{- fail (printf "prometheusRule.disabled names %s, which is no alert; there are %s." . ($known | uniq | join ", ")) }}
{{- end }}
{{- end }}
{{- with .Values.prometheusRule.extraRules }}
{{- $groups = append $groups (dict "name" "chorus-extra" "rules" .) }}
{{- end }}
{{- toYaml (dict "groups" $groups) }}
{{- end }}

{{/* The text of the file with the names of the release and its objectives. Kubernetes cuts what makes a pod's name at 58. */}}
{{- define "chorus.rulesOfRelease" -}}
{{- $name := include "chorus.fullname" . }}
{{- $here := printf "namespace=%q" (include "chorus.namespace" .) }}
{{- $pods := printf `pod=~"%s-[a-z0-9]+(-[a-z0-9]{5})?"` $name }}
{{- $bucket := printf "%s([.]0)?" (toString .Values.prometheusRule.latencySeconds | replace "." "[.]") }}
{{- .Files.Get "files/rules.yaml"
  | replace `job=~".+"` (printf "%s,job=%q" $here (include "chorus.scrapeJob" .))
  | replace `deployment=~".*chorus.*"` (printf "%s,deployment=%q" $here $name)
  | replace `horizontalpodautoscaler=~".*chorus.*"` (printf `%s,horizontalpodautoscaler=~"(keda-hpa-)?%s"` $here $name)
  | replace `container="chorus"` (printf `%s,%s,container="chorus"` $here $pods)
  | replace `pod=~".*chorus.*"` (printf `%s,%s` $here $pods)
  | replace `le=~"5([.]0)?"` (printf "le=~%q" $bucket)
  | replace "0.001 *" (printf "%v *" .Values.prometheusRule.errorBudget) }}
{{- end }}

{{/* The label `job` of what a PodMonitor scrapes. */}}
{{- define "chorus.podMonitorJob" -}}
{{- printf "%s/%s" (.Values.podMonitor.namespace | default (include "chorus.namespace" .)) (include "chorus.fullname" .) }}
{{- end }}

{{/* The label `job`, as the operator makes it of a service and of a PodMonitor. */}}
{{- define "chorus.scrapeJob" -}}
{{- $name := include "chorus.fullname" . }}
{{- if .Values.prometheusRule.job }}
{{- .Values.prometheusRule.job }}
{{- else if .Values.serviceMonitor.enabled }}
{{- printf "%s-metrics" $name }}
{{- else if .Values.podMonitor.enabled }}
{{- include "chorus.podMonitorJob" . }}
{{- else }}
{{- fail "prometheusRule.enabled needs serviceMonitor.enabled or podMonitor.enabled, or prometheusRule.job for what else scrapes the pods; nothing would be measured." }}
{{- end }}
{{- end }}
