-- Stops new work on the object. What is under way at the vendor goes on there.
obj.metadata.annotations = obj.metadata.annotations or {}
obj.metadata.annotations["keyframe.dev/paused"] = "true"
return obj
