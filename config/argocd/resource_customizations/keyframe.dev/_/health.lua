-- The health of every kind of keyframe.dev, by its conditions: the same verdict as that of kstatus. Argo CD runs it
-- without the string library. While an object is being deleted, Argo CD says Progressing without asking.
local status = obj.status or {}
local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end

local ready = conditions.Ready
local outdated = status.observedGeneration ~= nil and obj.metadata.generation ~= nil
  and status.observedGeneration ~= obj.metadata.generation
if ready == nil or outdated then
  return { status = "Progressing", message = "Keyframe has not looked at it yet" }
end

local function isTrue(type)
  return conditions[type] ~= nil and conditions[type].status == "True"
end

local health = "Progressing"
if isTrue("Stalled") then
  health = "Degraded"
elseif ready.reason == "AwaitingDecision" then
  -- A person must act before anything moves.
  health = "Suspended"
elseif isTrue("Reconciling") then
  health = "Progressing"
elseif ready.status == "True" then
  -- A paused object that is ready as well: Suspended would hold up the sync waves after it.
  health = "Healthy"
elseif ready.reason == "Paused" then
  health = "Suspended"
end

local message = ready.reason .. ": " .. (ready.message or "")
local progress = status.replication or status.progress or {}
if isTrue("Reconciling") and progress.percent ~= nil then
  message = message .. " (" .. progress.percent .. " %)"
end
return { status = health, message = message }
