-- The module API: field kinds, list, room, players, timers. Returns the engine's side, which Rust calls.
-- Nothing that Rust passes in (host, trusted) is ever reachable from module code.

local host, trusted, marks, entities = ...
local fail, setmetatable, getmetatable = trusted.fail, trusted.setmetatable, trusted.getmetatable
local type, tostring, pairs, ipairs, rawget, select, unpack = type, tostring, pairs, ipairs, rawget, select, unpack
local floor, huge, format, concat, sort = math.floor, math.huge, string.format, table.concat, table.sort
local ffi = trusted.ffi
local TIMERS_MAX = trusted.limits.timers

local function sorted_keys(from)
  local names = {}
  for name in pairs(from) do names[#names + 1] = tostring(name) end
  sort(names)
  return names
end

local function is_number(v) return type(v) == "number" and v == v and v ~= huge and v ~= -huge end

-- Reads go to `values`; what is not there raises and says what is.
local function guarded(label, values, set)
  local function unknown(_, key)
    local names = {}
    for _, name in ipairs(sorted_keys(values)) do names[#names + 1] = name end
    fail("%s.%s does not exist%s", label, tostring(key), trusted.did_you_mean(key, names))
  end
  setmetatable(values, { __index = unknown, __metatable = false })
  return setmetatable({}, { __index = values, __newindex = set, __metatable = false })
end

-- Fields and list ----------------------------------------------------------------------------------------------------

local kinds = setmetatable({}, { __mode = "k" }) -- what field.* has made, so that nothing else passes for it
local function kind(made)
  made.place = trusted.place()
  kinds[made] = true
  return made
end

field = guarded("field", {
  number = function(min, max, step)
    if step == nil then step = 1 end
    if not (is_number(min) and is_number(max) and is_number(step)) then
      fail("field.number(min, max, step) takes three numbers")
    end
    return kind { kind = "number", min = min, max = max, step = step }
  end,
  angle = function() return kind { kind = "angle" } end,
  flag = function() return kind { kind = "flag" } end,
  choice = function(names)
    if type(names) ~= "table" then fail('field.choice takes a list of names: field.choice { "red", "blue" }') end
    local made, seen = { kind = "choice" }, {}
    for i, name in ipairs(names) do
      if type(name) ~= "string" or seen[name] then fail("field.choice takes a list of different names") end
      made[i], seen[name] = name, true
    end
    return kind(made)
  end,
  press = function() return kind { kind = "press" } end,
}, function() fail("field can not be changed") end)

local list_meta = { __metatable = false }
marks[list_meta] = false
-- An empty table is a map in documents and messages unless it was made by this.
function list(items)
  if type(items) ~= "table" or getmetatable(items) then fail("list takes a plain table: list {}") end
  return setmetatable(items, list_meta)
end

-- Room ---------------------------------------------------------------------------------------------------------------

local game -- the module's table
local tick, tick_rate = 0, 30
local room_values, room
local callbacks

local function text_of(name, value)
  if type(value) ~= "string" then fail("%s: the message's name is a string", name) end
  return value
end

local view_meta = { __metatable = false }
view_meta.__newindex = function() fail("room:seen: the past can not be changed; use .entity") end

local ghost_meta = {
  __metatable = false,
  __index = function(ghost, key) return rawget(ghost, "entity")[key] end,
  __newindex = view_meta.__newindex,
}
local function ghost_of(entity) return entity and setmetatable({ entity = entity }, ghost_meta) end
local function ghost_step(walk) return ghost_of(walk.step(walk.walk)) end
local function ghosts(step, walk) return ghost_step, { step = step, walk = walk } end

-- Shows the present: the room does not keep a past for scripts yet. What it returns stays the same when it does.
local present = setmetatable({}, {
  __metatable = false,
  __newindex = view_meta.__newindex,
  __index = {
    each = function(_, class) return ghosts(entities.each(class)) end,
    within = function(_, class, x, y, distance) return ghosts(entities.within(class, x, y, distance)) end,
    nearest = function(_, class, x, y, distance)
      local entity, far = entities.nearest(class, x, y, distance)
      return ghost_of(entity), far
    end,
  },
})

-- Timers -------------------------------------------------------------------------------------------------------------

local timers, timer_count = {}, 0 -- tick -> list of timers, in the order of their making
local due = nil

local handle_meta = {
  __metatable = false,
  __index = {
    -- True when it had not fired yet.
    cancel = function(handle)
      if not handle.waiting then return false end
      handle.waiting = false
      timer_count = timer_count - 1
      return true
    end,
  },
}

local function after(_, seconds, name, ...)
  if not is_number(seconds) or seconds < 0 then fail("room:after: the first argument is a number of seconds") end
  local known = game.timers
  if type(known) ~= "table" or type(known[name]) ~= "function" then
    fail("room:after: there is no game.timers.%s%s", tostring(name),
      type(known) == "table" and trusted.did_you_mean(name, sorted_keys(known)) or "")
  end
  if timer_count >= TIMERS_MAX then fail("room:after: %d timers wait already, the limit of a room", TIMERS_MAX) end
  local at = tick + floor(seconds * tick_rate + 0.5)
  if at <= tick then at = tick + 1 end
  local handle = setmetatable({ waiting = true, name = name, n = select("#", ...), ... }, handle_meta)
  local bucket = timers[at]
  if not bucket then
    bucket = {}
    timers[at] = bucket
  end
  bucket[#bucket + 1] = handle
  timer_count = timer_count + 1
  return handle
end

room_values = {
  tick = 0, time = 0, dt = 1 / 30, state = {}, memory = {}, name = "",
  spawn = function(_, class, values) return (entities.spawn(class, values)) end,
  each = function(_, class) return entities.each(class) end,
  within = function(_, class, x, y, distance) return entities.within(class, x, y, distance) end,
  nearest = function(_, class, x, y, distance) return entities.nearest(class, x, y, distance) end,
  seen = function(_, player)
    if player ~= nil and not entities.numbers[player] then fail("room:seen takes a player") end
    return present
  end,
  after = after,
  broadcast = function(_, name, data)
    local problem = host.message(0, text_of("room:broadcast", name), data)
    if problem then fail("room:broadcast: %s", problem) end
  end,
  random = function(_, low, high) return trusted.draw("room:random", low, high) end,
  log = function(_, ...) trusted.log(...) end,
  close = function() host.close() end,
}
room = guarded("room", room_values, function(_, key)
  if key == "state" or key == "memory" then
    fail("room.%s is changed, never replaced: write room.%s.something = …", key, key)
  end
  fail("room.%s can not be set; keep your own things in room.state or room.memory", tostring(key))
end)

-- Players ------------------------------------------------------------------------------------------------------------

local players, left = {}, setmetatable({}, { __mode = "k" })
local methods = {
  send = function(player, name, data)
    local number = entities.numbers[player]
    if not number then fail("send: write player:send(name, data)") end
    text_of("player:send", name)
    if left[player] then return end
    local problem = host.message(number, name, data)
    if problem then fail("player:send: %s", problem) end
  end,
  kick = function(player, reason)
    local number = entities.numbers[player]
    if not number then fail("kick: write player:kick(reason)") end
    if not left[player] then host.kick(number, reason ~= nil and tostring(reason) or nil) end
  end,
}

local function new_player(number, name, seat_kind)
  local label = "player"
  local values = {
    id = format("%d", number), name = name, kind = seat_kind, role = "", state = {}, secret = {}, memory = {},
    send = methods.send, kick = methods.kick,
  }
  local player = guarded(label, values, function(player, key, value)
    if key == "role" then
      if type(value) ~= "string" or #value > 64 then fail("player.role is a string of at most 64 bytes") end
      values.role = value
      if not left[player] then host.role(number, value) end
    elseif key == "state" or key == "secret" or key == "memory" then
      fail("player.%s is changed, never replaced: write player.%s.something = …", key, key)
    else
      fail("player.%s can not be set; keep your own things in player.state or player.memory", tostring(key))
    end
  end)
  getmetatable(player).__tostring = function() return "player " .. values.id end
  return player, values
end

-- The engine's side --------------------------------------------------------------------------------------------------

local engine = { entities = entities, list_meta = list_meta }

function engine.suggest(wrong, names) return trusted.did_you_mean(wrong, names) end
function engine.is_kind(value) return kinds[value] == true end

local function callback(name)
  return function(...)
    local f = game[name]
    if f then return f(room, ...) end
  end
end

local read_input

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
  return trusted.loadstring(concat(lines, "\n"), "=[airboat input]")(ffi.cast("const double *", address), choices)
end

-- `declared` = {rate, classes, inputs}, checked by Rust.
function engine.start(loaded_game, declared, input_address)
  game, tick_rate = loaded_game, declared.rate
  room_values.dt = 1 / tick_rate
  entities.declare(declared.classes, tick_rate)
  read_input = input_reader(declared.inputs, input_address)
end

local game_open = callback "open"
function engine.open(name, seed_low, seed_high)
  room_values.name = name
  trusted.seed(seed_low, seed_high)
  game_open()
end

function engine.room_state() return room_values.state end
function engine.player_documents(number)
  local values = players[number].values
  return values.state, values.secret
end
function engine.object(number) return players[number] and players[number].object end

local game_enter = callback "enter"
function engine.enter(number, name, seat_kind)
  local id = format("%d", number)
  local visitor = guarded("player", { id = id, name = name, kind = seat_kind }, function(_, key)
    fail("player.%s can not be set in enter: the seat does not exist yet", tostring(key))
  end)
  local allowed, why = game_enter(visitor)
  if type(allowed) == "string" then return allowed end
  if allowed == false then return type(why) == "string" and why or "refused" end
  return nil
end

-- Makes the player; the callback comes as a call of its own, so that documents stand even when it fails.
function engine.seat(number, name, seat_kind)
  local player, values = new_player(number, name, seat_kind)
  players[number] = { object = player, values = values }
  entities.numbers[player] = number
  marks[player] = -number
end

function engine.forget(number)
  local player = players[number]
  if not player then return end
  players[number] = nil
  marks[player.object] = true -- nil in documents from now on
  left[player.object] = true
end

for _, name in ipairs { "join", "drop", "back", "leave" } do
  local call = callback(name)
  engine[name] = function(number, ...)
    local player = players[number]
    if player then call(player.object, ...) end
  end
end

function engine.input(number)
  local f, player = game.input, players[number]
  if f and player then f(room, player.object, read_input()) end
end

function engine.message(number, name, data)
  local player, f = players[number], game.messages and game.messages[name]
  if f and player then return (f(room, player.object, data)) end
end

-- Answers how many timers are due; Rust fires them one by one, each a callback of its own.
function engine.begin(now)
  tick = now
  room_values.tick, room_values.time = now, now / tick_rate
  trusted.clock.time = room_values.time
  entities.begin(now)
  due, timers[now] = timers[now], nil
  return due and #due or 0
end

local function is_gone(value)
  if type(value) ~= "table" then return false end
  local meta = getmetatable(value)
  return left[value] or (meta and marks[meta] == true)
end

function engine.fire(index)
  local timer = due[index]
  if not timer.waiting then return end
  timer.waiting = false
  timer_count = timer_count - 1
  for i = 1, timer.n do
    if is_gone(timer[i]) then return end
  end
  local f = game.timers and game.timers[timer.name]
  if f then f(room, unpack(timer, 1, timer.n)) end
end

local game_tick = callback "tick"
function engine.tick() game_tick() end

return engine
