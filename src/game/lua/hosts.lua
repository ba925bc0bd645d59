-- Who is host: the longest-seated person who plays and is there. `room.host` stands without phases too; where there are
-- phases, these wait for the host and are told of every change.

local _, _, run = ...
local players, seats, room_values = run.players, run.seats, run.room_values

-- `number` of the host, and the tick at which their link was `lost`.
local hosts = { number = nil, lost = nil, changed = function() end }

local function plays(player) return player.values.kind == "player" end
hosts.plays = plays

function hosts.is_person(player) return plays(player) and not player.values.bot end
local is_person = hosts.is_person

-- Where nobody is there, one who may come back.
function hosts.find(but)
  local absent
  for i = 1, #seats do
    local player = seats[i]
    if is_person(player) and player.number ~= but then
      if player.values.connected then return player.number end
      absent = absent or player.number
    end
  end
  return absent
end

function hosts.set(number)
  if number == hosts.number then return end
  hosts.number, hosts.lost = number, nil
  local player = number and players[number]
  room_values.host = player and player.object or nil
  if player and not player.values.connected then hosts.lost = run.tick end
  hosts.changed()
end

function hosts.keep(gone)
  local player = hosts.number and players[hosts.number]
  if not player or hosts.number == gone or not is_person(player) then hosts.set(hosts.find(gone)) end
end

function hosts.restore(number)
  hosts.number = nil
  hosts.set(number and players[number] and number or hosts.find())
end

function hosts.connected(number, is)
  if number == hosts.number then hosts.lost = not is and run.tick or nil end
end

return hosts
