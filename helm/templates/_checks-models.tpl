{{/* Which profile there can be, where its models come from, and what they lie in. */}}
{{- define "chorus.modelsChecks" -}}
{{- $models := .Values.models }}
{{- $claim := .Values.persistence }}
{{- $job := $models.pull.job.enabled }}
{{- include "chorus.profileChecks" . }}
{{- include "chorus.indexChecks" .Values.index }}
{{- if and (eq $models.source "image") $models.volume }}
{{- fail "models.volume is set, but models.source is image; set it to volume or pull." }}
{{- end }}
{{- if and (eq $models.source "image") $claim.enabled }}
{{- fail "persistence.enabled is for models that come from elsewhere, but models.source is image; set it to volume or pull." }}
{{- end }}
{{- if and $claim.enabled $models.volume }}
{{- fail "persistence.enabled and models.volume exclude each other; models lie in one of them." }}
{{- end }}
{{- if and (ne $models.source "image") (not $models.volume) (not $claim.enabled) }}
{{- fail (printf "models.source is %s; it needs persistence.enabled, or models.volume, such as {persistentVolumeClaim: {claimName: models}}." $models.source) }}
{{- end }}
{{- if and (eq $models.source "volume") (hasKey ($models.volume | default dict) "emptyDir") }}
{{- fail "models.source is volume, but an emptyDir holds nothing; use source: pull." }}
{{- end }}
{{- if and (eq $models.source "pull") (dig "persistentVolumeClaim" "readOnly" false ($models.volume | default dict)) }}
{{- fail "models.source is pull, but models.volume.persistentVolumeClaim.readOnly is true, so nothing can be pulled; leave it out." }}
{{- end }}
{{- range list "configMap" "secret" "projected" "downwardAPI" }}
{{- if and (eq $models.source "pull") (hasKey ($models.volume | default dict) .) }}
{{- fail (printf "models.source is pull, but a volume of kind %s cannot be written to; use persistence.enabled, or a claim." .) }}
{{- end }}
{{- end }}
{{- if and (eq $models.source "volume") $claim.enabled (not $claim.existingClaim) }}
{{- fail "models.source is volume, but a claim that the chart makes holds nothing; name yours in persistence.existingClaim, or use source: pull." }}
{{- end }}
{{- if and $job (ne $models.source "pull") }}
{{- fail (printf "models.pull.job.enabled is for models.source pull, and it is %s." $models.source) }}
{{- end }}
{{- if and $job (not $claim.enabled) (not (hasKey ($models.volume | default dict) "persistentVolumeClaim")) }}
{{- fail "models.pull.job.enabled needs a claim, since each pod has another volume of that kind; set persistence.enabled." }}
{{- end }}
{{- if and $claim.enabled (not $claim.existingClaim) }}
{{- include "chorus.claimChecks" . }}
{{- end }}
{{- include "chorus.roomChecks" . }}
{{- end }}

{{- define "chorus.profileChecks" -}}
{{- $known := include "chorus.profile" . | fromJson }}
{{- $name := .Values.profile.name }}
{{- $shipped := keys (.Files.Get "files/shipped-profiles.yaml" | fromYaml) | sortAlpha }}
{{- if .Values.profile.inline }}
{{- with .Values.profile.lock }}
{{- if hasKey (fromJson .) "Error" }}
{{- fail "profile.lock is no JSON; it is the text of the .lock.json that chorus pull wrote." }}
{{- end }}
{{- end }}
{{- else if .Values.profile.lock }}
{{- fail "profile.lock belongs to profile.inline, which is empty." }}
{{- else if and (not $known) (not (regexMatch "/|[.](ya?ml|onnx)$" $name)) }}
{{- fail (printf "profile.name is %s; the image has %s. Another takes its path, such as /app/models/%s.yaml, or profile.inline." $name (join ", " $shipped) $name) }}
{{- else if hasSuffix ".onnx" $name }}
{{- fail (printf "profile.name is %s, a graph; it must be a profile that has a model with path: ./%s." $name (base $name)) }}
{{- else if and $known (not $known.pulled) (eq .Values.models.source "pull") }}
{{- fail (printf "models.source is pull, but the models of %s come with the image; use source: image." $name) }}
{{- end }}
{{- end }}

{{/* Who may have a claim of the chart's own at the same time. */}}
{{- define "chorus.claimChecks" -}}
{{- $modes := .Values.persistence.accessModes }}
{{- $most := include "chorus.mostReplicas" . | int }}
{{- if not (or (has "ReadWriteMany" $modes) (has "ReadWriteOnce" $modes) (has "ReadWriteOncePod" $modes)) }}
{{- fail (printf "persistence.accessModes is [%s], into which nothing can be pulled; it must hold ReadWriteMany." (join ", " $modes)) }}
{{- end }}
{{- if not (has "ReadWriteMany" $modes) }}
{{- if gt $most 1 }}
{{- fail (printf "persistence.accessModes is [%s], which one node can have at a time, and there may be %d pods; use ReadWriteMany, or, where all pods run on one node, a claim of yours by persistence.existingClaim." (join ", " $modes) $most) }}
{{- end }}
{{- if ne (toString .Values.rollingUpdate.maxSurge | trimSuffix "%") "0" }}
{{- fail (printf "persistence.accessModes is [%s], which one node can have at a time; a new pod would wait for ever for the old one. Set rollingUpdate: {maxSurge: 0, maxUnavailable: 1}." (join ", " $modes)) }}
{{- end }}
{{- end }}
{{- if and (has "ReadWriteOncePod" $modes) .Values.models.pull.job.enabled }}
{{- fail "persistence.accessModes has ReadWriteOncePod, and models.pull.job.enabled needs the claim in another pod; use ReadWriteMany." }}
{{- end }}
{{- if and (not (has "ReadWriteMany" $modes)) .Values.models.pull.job.enabled }}
{{- fail (printf "persistence.accessModes is [%s], which one node can have at a time, and the Job of models.pull.job.enabled may be on another than the pod that waits for it; use ReadWriteMany, or leave the Job out: the one pod then pulls by itself." (join ", " $modes)) }}
{{- end }}
{{- end }}

{{/* Whether what is pulled fits, where it is known how much that is. */}}
{{- define "chorus.roomChecks" -}}
{{- $profile := include "chorus.profile" . | fromJson }}
{{- $rooms := dict "models.volume.emptyDir.sizeLimit" (dig "emptyDir" "sizeLimit" "" (.Values.models.volume | default dict)) }}
{{- if .Values.persistence.enabled }}
{{- $_ := set $rooms "persistence.size" .Values.persistence.size }}
{{- end }}
{{- range $path, $size := $rooms }}
{{- if $size }}
{{- $bytes := include "chorus.requireQuantity" (list $path $size) | float64 }}
{{- if and (not $.Values.profile.inline) $profile.leastBytes (lt $bytes (float64 $profile.leastBytes)) }}
{{- fail (printf "%s is %v; the models of %s take %.1f GB at least." $path $size $.Values.profile.name (divf $profile.leastBytes 1e9)) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* A quantity as a number: call with its path and itself. */}}
{{- define "chorus.requireQuantity" -}}
{{- $number := include "chorus.quantity" (index . 1) }}
{{- if not $number }}
{{- fail (printf "%s is %v, which is no quantity; it must be one such as 512Mi, 2Gi or 500m." (index . 0) (index . 1)) }}
{{- end }}
{{- $number }}
{{- end }}

{{/* An index is in one place, and what is said of a store is said of one. */}}
{{- define "chorus.indexChecks" -}}
{{- if and .volume .store.urls }}
{{- fail "index.volume and index.store.urls exclude each other; an index is in files or in a store." }}
{{- end }}
{{- range list "name" "timeout" "keySecret" }}
{{- if and (index $.store .) (not $.store.urls) }}
{{- fail (printf "index.store.%s is set, but there is no store; set index.store.urls." .) }}
{{- end }}
{{- end }}
{{- end }}
