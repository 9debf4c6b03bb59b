{{/* Where models lie, and how they come there. */}}

{{/* The claim of the models that the chart makes or is given; empty where there is none. */}}
{{- define "chorus.claimName" -}}
{{- if .Values.persistence.enabled }}
{{- .Values.persistence.existingClaim | default (printf "%s-models" (include "chorus.fullname" .)) }}
{{- end }}
{{- end }}

{{- define "chorus.modelsVolume" -}}
name: models
{{- with include "chorus.claimName" . }}
persistentVolumeClaim: {claimName: {{ . }}}
{{- else }}
{{- with .Values.models.volume }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end }}

{{/* Copies the profile to where it is to lie: call with the root, the container's name, and from where to where. */}}
{{- define "chorus.copyProfile" -}}
{{- $root := index . 0 -}}
- name: {{ index . 1 }}
  {{- include "chorus.script" (list $root "files/copy-profile.mjs") | nindent 2 }}
  env:
    - {name: GIVEN, value: {{ index . 2 | quote }}}
    - {name: SERVED, value: {{ index . 3 | quote }}}
{{- end }}

{{/*
The containers that pull. They write the lock beside a copy of the profile: call with the root and /models, where what is
served lies, or with the folder of a Job, to which the lock of an earlier pull is then brought from there.
*/}}
{{- define "chorus.pull" -}}
{{- $root := index . 0 }}
{{- $served := include "chorus.servedProfile" $root }}
{{- $isJob := ne (index . 1) "/models" }}
{{- $pulled := ternary (printf "%s/%s" (index . 1) (base $served)) $served $isJob -}}
{{ include "chorus.copyProfile" (list $root "copy-profile" (include "chorus.givenProfile" $root) $pulled) }}
    {{- if $isJob }}
    - {name: PUBLISHED, value: {{ $served | quote }}}
    {{- end }}
  volumeMounts:
    - {name: models, mountPath: /models}
    {{- if $isJob }}
    - {name: work, mountPath: {{ index . 1 }}}
    {{- end }}
    {{- if $root.Values.profile.inline }}
    - {name: profile, mountPath: /etc/chorus, readOnly: true}
    {{- end }}
- name: pull
  image: {{ include "chorus.image" $root | quote }}
  imagePullPolicy: {{ $root.Values.image.pullPolicy }}
  args: [pull, {{ $pulled | quote }}]
  {{- include "chorus.withExtraEnv" (list $root (include "chorus.pullEnv" $root)) | nindent 2 }}
  resources:
    {{- toYaml $root.Values.resources | nindent 4 }}
  securityContext:
    {{- toYaml $root.Values.containerSecurityContext | nindent 4 }}
  volumeMounts:
    - {name: models, mountPath: /models}
    - {name: tmp, mountPath: /tmp}
    {{- if $isJob }}
    - {name: work, mountPath: {{ index . 1 }}}
    {{- end }}
    {{- with $root.Values.extraVolumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{/* Holds a pod back until the Job has left the profile with its models. */}}
{{- define "chorus.waitForModels" -}}
- name: wait-for-models
  {{- include "chorus.script" (list . "files/wait-for-profile.mjs") | nindent 2 }}
  env:
    - {name: PROFILE, value: {{ include "chorus.servedProfile" . | quote }}}
    - {name: TIMEOUT_SECONDS, value: {{ .Values.models.pull.job.timeoutSeconds | quote }}}
  volumeMounts:
    - {name: models, mountPath: /models, readOnly: true}
{{- end }}

{{/* Which ports what pulls goes out to, as JSON: the hub's, and those of a proxy that the environment names. */}}
{{- define "chorus.hubPorts" -}}
{{- $urls := list (.Values.models.pull.endpoint | default "https://huggingface.co") }}
{{- range .Values.extraEnv }}
{{- if and (regexMatch "^(?i)https?_proxy$" .name) .value }}
{{- $urls = append $urls .value }}
{{- end }}
{{- end }}
{{- $ports := list }}
{{- range $urls }}
{{- $ports = append $ports (include "chorus.urlPort" . | int) }}
{{- end }}
{{- $ports | uniq | toJson }}
{{- end }}

{{/* The ports of the store that has the index, as JSON. */}}
{{- define "chorus.storePorts" -}}
{{- $ports := list }}
{{- range .Values.index.store.urls }}
{{- $ports = append $ports (include "chorus.urlPort" . | int) }}
{{- end }}
{{- $ports | uniq | toJson }}
{{- end }}

{{/* The port of a URL, named or not. */}}
{{- define "chorus.urlPort" -}}
{{- $url := urlParse . }}
{{- regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host) | default (ternary 80 443 (eq $url.scheme "http")) }}
{{- end }}

{{/*
What the Job is to do: the profile is copied to a folder of its own, pulled for there, and laid with its lock where pods wait
for it once all is whole.
*/}}
{{- define "chorus.pullJob" -}}
{{- $work := printf "/work/%s" (include "chorus.servedProfile" . | base) -}}
backoffLimit: {{ .Values.models.pull.job.backoffLimit }}
activeDeadlineSeconds: {{ .Values.models.pull.job.timeoutSeconds }}
template:
  metadata:
    labels:
      {{- include "chorus.selectorLabelsOf" (list . "pull") | nindent 6 }}
      {{- with .Values.commonLabels }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
      {{- if eq (.Values.istio.dataplaneMode | default "") "sidecar" }}
      # A sidecar would never let it end.
      sidecar.istio.io/inject: 'false'
      {{- end }}
  spec:
    restartPolicy: Never
    serviceAccountName: {{ include "chorus.serviceAccountName" . }}
    automountServiceAccountToken: false
    enableServiceLinks: false
    {{- include "chorus.podBasics" . | nindent 4 }}
    initContainers:
      {{- include "chorus.pull" (list . "/work") | nindent 6 }}
    containers:
      {{- include "chorus.copyProfile" (list . "publish-profile" $work (include "chorus.servedProfile" .)) | nindent 6 }}
        volumeMounts:
          - {name: models, mountPath: /models}
          - {name: work, mountPath: /work}
    volumes:
      - {{ include "chorus.modelsVolume" . | nindent 8 | trim }}
      - name: tmp
        emptyDir: {sizeLimit: 64Mi}
      - name: work
        emptyDir: {sizeLimit: 16Mi}
      {{- if .Values.profile.inline }}
      - name: profile
        configMap: {name: {{ include "chorus.profileConfigMap" . }}}
      {{- end }}
      {{- with .Values.extraVolumes }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
{{- end }}
