-- Any new value has the object looked at; status.lastHandledReconcileAt answers with it.
local os = require("os")
obj.metadata.annotations = obj.metadata.annotations or {}
obj.metadata.annotations["keyframe.dev/reconcile-at"] = os.date("!%Y-%m-%dT%H:%M:%SZ")
return obj
