-- Players in the order of their seats: room:players, room:player and room:count.

local _, trusted, run = ...
local fail, type, tostring, tonumber = trusted.fail, type, tostring, tonumber
local players, seats, numbers, room_values = run.players, run.seats, run.entities.numbers, run.room_values
local KINDS = { player = true, spectator = true, screen = true }

local function check_kind(self, api, kind)
  run.check_self(self, api)
  if kind ~= nil and not KINDS[kind] then
    fail("%s: there is no kind %s%s", api, tostring(kind), trusted.did_you_mean(kind, run.sorted_keys(KINDS)))
  end
end

local function next_player(kind, before)
  local seat = 0
  if before then
    local player = players[numbers[before]]
    if not player then return nil end
    seat = player.seat
  end
  for i = seat + 1, #seats do
    local player = seats[i]
    if kind == nil or player.values.kind == kind then return player.object end
  end
  return nil
end

function room_values.players(self, kind)
  check_kind(self, "room:players", kind)
  return next_player, kind, nil
end

function room_values.player(_, id)
  if type(id) ~= "string" then fail("room:player takes an id, a string as player.id is; write room:player(id)") end
  local player = players[tonumber(id)]
  return player and player.values.id == id and player.object or nil
end

function room_values.count(self, kind)
  check_kind(self, "room:count", kind)
  local count = 0
  for i = 1, #seats do
    if kind == nil or seats[i].values.kind == kind then count = count + 1 end
  end
  return count
end
