-- Players: what modules hold of them, how they come and go, what they send.

local host, trusted, run = ...
local fail, setmetatable, getmetatable = trusted.fail, trusted.setmetatable, trusted.getmetatable
local type, tostring, ipairs, format = type, tostring, ipairs, string.format
local concat, remove = table.concat, table.remove
local engine, entities, guarded, marks = run.engine, run.entities, run.guarded, run.marks
local players, seats, left, numbers, room = run.players, run.seats, run.left, entities.numbers, run.room
local game, call = run.game, run.call

run.need(run.phases and "attendance" or "phaseless")
local phases = run.phases

-- player -------------------------------------------------------------------------------------------------------------

local methods = {
  done = function(player) phases.player_done(player) end,
  send = function(player, name, data)
    local number = numbers[player]
    if not number then fail("send: write player:send(name, data)") end
    if type(name) ~= "string" then fail("player:send: the message's name is a string; write player:send(name, data)") end
    if left[player] then return end
    local problem = host.message(number, name, data)
    if problem then fail("player:send: %s", problem) end
  end,
  kick = function(player, reason)
    local number = numbers[player]
    if not number then fail("kick: write player:kick(reason)") end
    if not left[player] then host.kick(number, reason ~= nil and tostring(reason) or nil) end
  end,
}

local by_number = setmetatable({}, { __mode = "v" }) -- also those who left, while something refers to them
run.by_number = by_number

local function new_player(number, name, seat_kind, bot)
  local values = {
    id = format("%d", number), name = name, kind = seat_kind, role = "", bot = bot, connected = true,
    state = {}, secret = {}, memory = {}, send = methods.send, kick = methods.kick, done = methods.done,
  }
  local player = guarded("player", values, function(player, key, value)
    if key == "role" then
      if type(value) ~= "string" or #value > 64 then fail("player.role is a string of at most 64 bytes") end
      local old = values.role
      values.role = value
      if not left[player] then
        host.role(number, value)
        phases.role_changed(number, values, old)
      end
    elseif key == "state" or key == "secret" or key == "memory" then
      fail("player.%s is changed, never replaced: write player.%s.something = …", key, key)
    else
      fail("player.%s can not be set; keep your own things in player.state or player.memory", tostring(key))
    end
  end)
  getmetatable(player).__tostring = function() return "player " .. values.id end
  numbers[player] = number
  by_number[number] = player
  return player, values
end

-- The inputs come as doubles in Rust's array; each callback gets a fresh table, so modules may keep it.
local function input_reader(fields, address)
  local lines = { "local from, choices = ... return function() return {" }
  local choices = {}
  for i, field in ipairs(fields) do
    local value = format("from[%d]", i - 1)
    if field.kind == "flag" then value = value .. " ~= 0" end
    if field.kind == "choice" then
      choices[i] = {}
      for index, name in ipairs(field) do choices[i][index - 1] = name end
      value = format("choices[%d][%s]", i, value)
    end
    lines[#lines + 1] = format("  [%q] = %s,", field.name, value)
  end
  lines[#lines + 1] = "} end"
  return trusted.loadstring(concat(lines, "\n"), "=[airboat input]")(trusted.cast("double *", address), choices)
end

-- The engine's side --------------------------------------------------------------------------------------------------

function engine.player_documents(number)
  local values = players[number].values
  return values.state, values.secret
end
function engine.object(number) return players[number] and players[number].object end

-- Answers "as" and a kind, "take_over", or "refused" and why.
function engine.enter(number, name, seat_kind, bot)
  local id = format("%d", number)
  local visitor = guarded("player", { id = id, name = name, kind = seat_kind, bot = bot }, function(_, key)
    fail("player.%s can not be set in enter: the seat does not exist yet", tostring(key))
  end)
  local allowed, why = call("enter", visitor)
  if type(allowed) == "string" then return "refused", allowed end
  if allowed == false then return "refused", type(why) == "string" and why or "refused" end
  return phases.admit(number, seat_kind, bot)
end

-- Makes the player; the callback comes as a call of its own, so that documents stand even when it fails.
function engine.seat(number, name, seat_kind, bot)
  local object, values = new_player(number, name, seat_kind, bot)
  local seat = #seats + 1
  players[number] = { object = object, values = values, number = number, seat = seat }
  seats[seat] = players[number]
  marks[object] = -number
  phases.seated(number, bot)
end

function engine.rename(number, name) players[number].values.name = name end

-- A player who left keeps id, name and memory, for whoever still holds it.
local function gone(object)
  marks[object] = true -- nil in documents from now on
  left[object] = true
end

local parts = run.parts
local function show(number, tick)
  if parts.past then parts.past.show(number, tick) end
end

function engine.forget(number)
  local player = players[number]
  if not player then return end
  players[number] = nil
  remove(seats, player.seat)
  for seat = player.seat, #seats do seats[seat].seat = seat end
  player.values.connected = false
  show(number, nil)
  gone(player.object)
  phases.forgotten(number, player.values)
end

-- In a checkpoint's stead, one who had left before it was taken.
function engine.departed(number, name, seat_kind, bot)
  local object, values = new_player(number, name, seat_kind, bot)
  values.connected = false
  gone(object)
  return object
end

function engine.join(number)
  local player = players[number]
  if player then call("join", player.object) end
end

function engine.leave(number, why)
  local player = players[number]
  if player then call("leave", player.object, why) end
end

local function link(number, callback, connected)
  local player = players[number]
  if not player then return end
  player.values.connected = connected
  phases.connected(number, connected)
  show(number, nil)
  call(callback, player.object)
end
function engine.drop(number) link(number, "drop", false) end
function engine.back(number) link(number, "back", true) end

local read_input = input_reader(run.declared.inputs, run.input_address)

function engine.input(number, shown)
  local f, player = game.input, players[number]
  show(number, shown)
  if f and player then f(room, player.object, read_input()) end
end

-- Answers what the handler returned; of the engine's own messages, nil and why it is refused.
function engine.message(number, name, data)
  local player, f = players[number], game.messages and game.messages[name]
  if not player then return nil end
  local own, refused = phases.message(player, name, data)
  if own then return nil, refused end
  if f then return (f(room, player.object, data)) end
end

return engine
