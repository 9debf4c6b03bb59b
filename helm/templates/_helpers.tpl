{{- define "chorus.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The release's name, with the chart's where the release does not name it. 52 leaves room for suffixes. */}}
{{- define "chorus.fullname" -}}
{{- $name := include "chorus.name" . }}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- .Values.fullnameOverride | default $full | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "chorus.selectorLabels" -}}
app.kubernetes.io/name: {{ include "chorus.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: server
{{- end }}

{{- define "chorus.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "chorus.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* Labels of the pod of `helm test`: none of the selector's, so that no request reaches it. */}}
{{- define "chorus.testLabels" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: test
{{- end }}

{{/* What the models of starter and challenge say to the sample, as JSON. */}}
{{- define "chorus.expectedLabels" -}}
{{- $sample := dict "cardiffnlp" "POSITIVE" "ivanlau" "English" "svalabs" "HAM" "EIStakovskii" "LABEL_0" "jy46604790" "LABEL_0" }}
{{- toJson (.Values.test.labels | default $sample) }}
{{- end }}

{{/* Where the sample is posted to, as the service has it. */}}
{{- define "chorus.testPath" -}}
{{ .Values.settings.pathPrefix | default "" }}{{ .Values.test.path }}
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

{{/* Where the profile lies before anything is pulled: a name, or a path. */}}
{{- define "chorus.givenProfile" -}}
{{- if .Values.profile.inline }}/etc/chorus/profile.yaml{{ else }}{{ .Values.profile.name }}{{ end }}
{{- end }}

{{/* What is served. `chorus pull` writes a lock beside the profile: it works on a copy in the volume. */}}
{{- define "chorus.servedProfile" -}}
{{- $given := include "chorus.givenProfile" . }}
{{- if eq .Values.models.source "pull" }}/models/{{ base $given | trimSuffix ".yaml" }}.yaml{{ else }}{{ $given }}{{ end }}
{{- end }}

{{/* The fewest pods that there will be. */}}
{{- define "chorus.leastReplicas" -}}
{{- if .Values.hpa.enabled }}{{ .Values.hpa.minReplicas }}
{{- else if .Values.keda.enabled }}{{ .Values.keda.minReplicas }}
{{- else }}{{ .Values.replicas }}
{{- end }}
{{- end }}

{{/* Pod Security "restricted". Not values: nothing in Chorus needs more. */}}
{{- define "chorus.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "chorus.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* An init or test container that runs a script of files/ with the image's own Node. Call with the root and the file. */}}
{{- define "chorus.script" -}}
{{- $root := index . 0 -}}
image: {{ include "chorus.image" $root | quote }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
command:
  - node
  - --input-type=module
  - --eval
  - |
    {{- $root.Files.Get (index . 1) | nindent 4 }}
resources:
  requests: {cpu: 50m, memory: 64Mi}
  limits: {memory: 128Mi}
securityContext:
  {{- include "chorus.containerSecurityContext" $root | nindent 2 }}
{{- end }}
