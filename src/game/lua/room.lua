-- What a room says to everybody, its door, and its end.

local host, trusted, run = ...
local fail, room_values = trusted.fail, run.room_values
local type = type

function room_values.broadcast(_, name, data)
  if type(name) ~= "string" then fail("room:broadcast: the message's name is a string; write room:broadcast(name, data)") end
  local problem = host.message(0, name, data)
  if problem then fail("room:broadcast: %s", problem) end
end

-- With the players come the phases, or what a room has that has none.
function room_values.go(_, name)
  run.need "players"
  run.phases.go(_, name)
end

function room_values.lock() host.lock(true) end
function room_values.unlock() host.lock(false) end
function room_values.log(self, ...)
  run.check_self(self, "room:log")
  trusted.log(...)
end
function room_values.close() host.close() end
