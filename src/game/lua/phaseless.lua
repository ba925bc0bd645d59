-- What a room does that has no phases, in the place of phases.lua and attendance.lua.

local _, trusted, run = ...
local hosts = run.need "hosts"

local function nothing() end
local function missing(api)
  return function() trusted.fail("%s: the module has no phases", api) end
end

run.phases = {
  latecomers = {}, role_changed = nothing, go = missing "room:go", player_done = missing "player:done",
  message = function() return false end,
  admit = function(_, kind) return "as", kind end,
  seated = function(_, bot)
    if hosts.number == nil and not bot then hosts.keep() end
  end,
  forgotten = hosts.keep, connected = hosts.connected,
}

return run.phases
