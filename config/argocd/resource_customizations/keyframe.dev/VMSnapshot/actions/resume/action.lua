if obj.metadata.annotations ~= nil then
  obj.metadata.annotations["keyframe.dev/paused"] = nil
end
return obj
