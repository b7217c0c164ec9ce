{{/* Names. */}}
{{- define "keyframe.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "keyframe.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "keyframe.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "keyframe.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "keyframe.fullname" .) -}}
{{- end -}}

{{- define "keyframe.leaseName" -}}
{{- .Values.leaderElection.name | default (include "keyframe.fullname" .) -}}
{{- end -}}

{{- define "keyframe.image" -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion -}}
{{- with .Values.image.digest -}}
{{- printf "%s:%s@%s" $.Values.image.repository $tag . -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository $tag -}}
{{- end -}}
{{- end -}}

{{/* Labels. Those of the selector never change: a Deployment's selector cannot. */}}
{{- define "keyframe.selectorLabels" -}}
app.kubernetes.io/name: {{ include "keyframe.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "keyframe.labels" -}}
{{ include "keyframe.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The ServiceAccount as the subject of a binding. */}}
{{- define "keyframe.subjects" -}}
- kind: ServiceAccount
  name: {{ include "keyframe.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}

{{/* What the operator may do with the objects of a namespace; `patch` on a kind is for finalizers and annotations. */}}
{{- define "keyframe.rules.namespaced" -}}
- apiGroups: [keyframe.dev]
  resources: [vmproviders, vmsnapshots, restorepointcollections, restorepointcopies, vmrestores]
  verbs: [get, list, watch, patch]
# They stand for nothing at the vendor: no finalizer, no annotation.
- apiGroups: [keyframe.dev]
  resources: [vmsnapshotinventories]
  verbs: [get, list, watch]
- apiGroups: [keyframe.dev]
  resources:
    - vmproviders/status
    - vmsnapshots/status
    - restorepointcollections/status
    - restorepointcopies/status
    - vmrestores/status
    - vmsnapshotinventories/status
  verbs: [patch]
# Collections that no object names are made for the VM, and go when nothing is in them.
- apiGroups: [keyframe.dev]
  resources: [restorepointcollections]
  verbs: [create, delete]
# spec.ttl
- apiGroups: [keyframe.dev]
  resources: [vmsnapshots]
  verbs: [delete]
{{- if .Values.rbac.saveConfiguration }}
# ovirt.saveConfigurationTo: a ConfigMap of that name is made, and read to tell whether it is ours. It is never changed.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, create]
{{- end }}
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

{{/* By the name that a provider gives: no list, no watch. */}}
{{- define "keyframe.rules.secrets" -}}
- apiGroups: [""]
  resources: [secrets]
  {{- with .Values.rbac.secrets.names }}
  resourceNames: {{ toJson . }}
  {{- end }}
  verbs: [get]
{{- end -}}

{{/* The operator's flags. */}}
{{- define "keyframe.args" -}}
{{- with .Values.namespaces }}
- --namespaces={{ join "," . }}
{{- end }}
{{- with .Values.clusterID }}
- --cluster-id={{ . }}
{{- end }}
{{- with .Values.watchLabelSelector }}
- {{ printf "--watch-label-selector=%s" . | quote }}
{{- end }}
- --leader-election-name={{ include "keyframe.leaseName" . }}
- --lease-duration={{ .Values.leaderElection.leaseDuration }}
- --renew-deadline={{ .Values.leaderElection.renewDeadline }}
- --retry-period={{ .Values.leaderElection.retryPeriod }}
- --workers={{ .Values.workers }}
- --namespaced-ambient-credentials={{ .Values.ambientCredentials.namespaced }}
{{- with .Values.ambientCredentials.hosts }}
- --ambient-hosts={{ join "," . }}
{{- end }}
- --poll-interval={{ .Values.intervals.poll }}
- --progress-interval={{ .Values.intervals.progress }}
- --drift-interval={{ .Values.intervals.drift }}
- --retry-interval={{ .Values.intervals.retry }}
{{- with .Values.settleTime }}
- --settle-time={{ . }}
{{- end }}
- --abandon-after={{ .Values.abandonAfter }}
- --shutdown-grace={{ .Values.shutdownGraceSeconds }}s
- --log-level={{ .Values.log.level }}
- --log-format={{ .Values.log.format }}
- --metrics-address={{ if .Values.metrics.enabled }}:{{ .Values.metrics.port }}{{ else }}0{{ end }}
- --health-address=:{{ .Values.health.port }}
{{- with .Values.extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end -}}
