-- Everything a room is, laid out for Rust to read.

local _, trusted, run = ...
local engine, entities, room_values, parts = run.engine, run.entities, run.room_values, run.parts
local ipairs, getmetatable = ipairs, trusted.getmetatable

local function record(number, values)
  return {
    number = number, name = values.name, kind = values.kind, role = values.role, bot = values.bot,
    connected = values.connected, state = values.state, secret = values.secret, memory = values.memory,
  }
end

-- Entities are read from the second answer, the classes' own lists: copies of all of them would be garbage only.
function engine.save()
  local frame = { tick = run.tick, rate = run.rate, next_id = entities.next_id, random = trusted.random, players = {} }
  frame.state, frame.memory = room_values.state, room_values.memory
  for i, player in ipairs(run.seats) do frame.players[i] = record(player.number, player.values) end
  if run.phases then frame.phase = run.need("kept").save() end
  if parts.timers then frame.timers, frame.next_timer = parts.timers.save() end
  if parts.store then
    local waiting, next_request = parts.store.save()
    frame.requests = { waiting = waiting, next = next_request }
  end
  return frame, entities.ordered
end

-- Of somebody who left, while anything refers to them.
function engine.save_departed(number)
  local object = run.by_number[number]
  return object and record(number, getmetatable(object).__index)
end

return engine
