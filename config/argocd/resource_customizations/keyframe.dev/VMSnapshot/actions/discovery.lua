-- What people can do with an object of keyframe.dev in Argo CD. None of it touches what Git holds: annotations that a
-- manifest does not have are no difference to Argo CD.
local actions = {}
actions["reconcile"] = { ["displayName"] = "Look again now", ["iconClass"] = "fa fa-fw fa-redo" }

-- A provider begins nothing that could be paused.
if obj.kind ~= "VMProvider" and obj.kind ~= "ClusterVMProvider" then
  local annotations = obj.metadata.annotations or {}
  local paused = annotations["keyframe.dev/paused"]
  local isPaused = paused ~= nil and paused ~= "false"
  actions["pause"] = { ["disabled"] = isPaused, ["iconClass"] = "fa fa-fw fa-pause-circle" }
  actions["resume"] = { ["disabled"] = not isPaused, ["iconClass"] = "fa fa-fw fa-play-circle" }
end
return actions
