-- What a module's test.lua is written in: t, rooms and players. Everything real happens on the other side of `host`,
-- which answers a value, or nil and what is wrong.

local host, suggest = ...
local type, tostring, tonumber, pairs, ipairs, setmetatable, error, pcall =
  type, tostring, tonumber, pairs, ipairs, setmetatable, error, pcall
local format, concat, sort, floor, abs = string.format, table.concat, table.sort, math.floor, math.abs
local select, unpack, require, random_seed = select, unpack, require, math.randomseed

-- Raises at the line of the test, whoever of us notices. Callers put it in brackets: a tail call would leave no frame.
local function ask(level, ...)
  local answer, problem = host(...)
  if problem then error(problem, level + 1) end
  return answer
end

local function sorted_keys(from)
  local names = {}
  for name in pairs(from) do names[#names + 1] = tostring(name) end
  sort(names)
  return names
end

-- An object with methods, values read from the room at the moment they are asked for, and nothing else.
local function object(label, methods, reads)
  local function unknown(key)
    local known = sorted_keys(methods)
    for name in pairs(reads) do known[#known + 1] = name end
    sort(known)
    return format("%s.%s does not exist%s", label, tostring(key), suggest(tostring(key), known))
  end
  return {
    __metatable = false,
    __index = function(self, key)
      if methods[key] then return methods[key] end
      if reads[key] then return (reads[key](self)) end
      error(unknown(key), 2)
    end,
    __newindex = function(_, key) error(format("%s.%s can not be set", label, tostring(key)), 2) end,
  }
end

local function text(value, depth)
  if type(value) == "string" then return format("%q", value) end
  if type(value) ~= "table" then return tostring(value) end
  if depth > 3 then return "{…}" end
  local parts, n = {}, #value
  for i = 1, n do parts[i] = text(value[i], depth + 1) end
  for _, key in ipairs(sorted_keys(value)) do
    local index = tonumber(key)
    if not (index and index >= 1 and index <= n and index == floor(index)) then
      local item = value[key]
      if item == nil then item = value[index] end
      parts[#parts + 1] = key .. " = " .. text(item, depth + 1)
    end
  end
  return "{ " .. concat(parts, ", ") .. " }"
end

local function same(a, b)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

-- Players ------------------------------------------------------------------------------------------------------------

local ids = setmetatable({}, { __mode = "k" }) -- player -> { room, number, id, name }
local player_methods, player_reads = {}, {}
local player_meta = object("player", player_methods, player_reads)

local function me(player)
  local known = ids[player]
  if not known then error("write player:input { … }, with a colon", 3) end
  return known.room, known.number
end

-- Held from now on, what is not named is let go; a press is one press.
function player_methods.input(player, values)
  local room, number = me(player)
  ask(2, "input", room, number, values or {})
end
function player_methods.bot(player)
  local room, number = me(player)
  ask(2, "bot", room, number)
end
function player_methods.send(player, name, data)
  local room, number = me(player)
  ask(2, "send", room, number, name, data)
end
function player_methods.call(player, name, data)
  local room, number = me(player)
  return (ask(2, "call", room, number, name, data))
end
-- Every message of that name so far, the oldest first; without a name all, as { name = , data = }.
function player_methods.received(player, name)
  local room, number = me(player)
  return (ask(2, "received", room, number, name))
end
for _, name in ipairs { "drop", "back", "leave" } do
  player_methods[name] = function(player)
    local room, number = me(player)
    ask(2, name, room, number)
  end
end

function player_reads.id(player) return ids[player].id end
function player_reads.name(player) return ids[player].name end
for _, name in ipairs { "state", "secret", "role", "kind", "connected", "here" } do
  player_reads[name] = function(player)
    local room, number = me(player)
    return (ask(3, "player", room, number, name))
  end
end

-- Rooms --------------------------------------------------------------------------------------------------------------

local numbers = setmetatable({}, { __mode = "k" }) -- room -> number
local room_methods, room_reads = {}, {}
local room_meta = object("room", room_methods, room_reads)

local function this(room)
  local number = numbers[room]
  if not number then error("write room:run(1), with a colon", 3) end
  return number
end

-- options: kind = "spectator", bot = true (played by game.bot). Whom the room will not have is an error: see `refused`.
function room_methods.join(room, name, options)
  local number = this(room)
  local joined = ask(2, "join", number, name, options or {})
  local player = setmetatable({}, player_meta)
  ids[player] = { room = number, number = joined, id = format("%d", joined), name = name }
  return player
end
-- Why the room would not have somebody; nil when it would, and then somebody is in.
function room_methods.refused(room, name, options) return (ask(2, "refused", this(room), name, options or {})) end
function room_methods.run(room, seconds) ask(2, "run", this(room), seconds) end
function room_methods.step(room, ticks) ask(2, "step", this(room), ticks or 1) end
function room_methods.entities(room, class) return (ask(2, "entities", this(room), class)) end
-- All there is of a module in a new VM, as when a file of it was saved.
function room_methods.reload(room) ask(2, "reload", this(room)) end
-- Script errors since the last call. A room that was made with errors = true keeps them; others fail the test.
function room_methods.errors(room) return (ask(2, "errors", this(room))) end
-- Lines of room:log and print.
function room_methods.logged(room) return (ask(2, "logged", this(room))) end

for _, name in ipairs { "state", "tick", "time", "phase", "closed", "memory_kb" } do
  room_reads[name] = function(room) return (ask(3, "room", this(room), name)) end
end

-- t ------------------------------------------------------------------------------------------------------------------

local told_seed -- of the running test
local t_methods = {}
local t = setmetatable({}, object("t", t_methods, {}))

-- options: seed = 1, name = "Test", errors = true (see room:errors), bots = 0 (else as many as game.bots says).
function t_methods.room(_, options)
  local room = setmetatable({}, room_meta)
  numbers[room] = ask(2, "open", options or {})
  return room
end

local function note(what) return what and tostring(what) .. ": " or "" end

function t_methods.ok(_, value, what)
  if not value then error(format("%sexpected something true, got %s", note(what), text(value, 0)), 2) end
  return value
end
-- Tables are compared by what is in them.
function t_methods.equal(_, got, expected, what)
  if not same(got, expected) then
    error(format("%sgot      %s\nexpected %s", note(what), text(got, 0), text(expected, 0)), 2)
  end
end
function t_methods.near(_, got, expected, within, what)
  within = within or 0.001
  if type(got) ~= "number" or type(expected) ~= "number" or abs(got - expected) > within then
    error(format("%sgot %s, expected %s, give or take %s", note(what), text(got, 0), text(expected, 0), text(within, 0)), 2)
  end
end
-- That `f` raises; its text, to look at.
function t_methods.fails(_, f, what)
  local ok, problem = pcall(f)
  if ok then error(note(what) .. "expected an error, and there was none", 2) end
  return tostring(problem)
end

-- math.random begins here; it is told beside the test's name. Every test begins at 1.
function t_methods.seed(_, seed)
  if type(seed) ~= "number" or seed ~= floor(seed) or seed < 0 or seed >= 2 ^ 32 then
    error("t:seed takes a whole number from 0 on", 2)
  end
  told_seed = seed
  random_seed(seed)
end

local function pack(...) return { n = select("#", ...), ... } end

local function recorded(file, name, f)
  return function(...)
    local arguments, index = pack(...), ask(2, "vector", file, name, ...)
    local returns = pack(f(...))
    -- Tables among the arguments are by now what it made of them.
    for i = 1, returns.n do arguments[arguments.n + i] = returns[i] end
    ask(2, "vectored", file, name, index, unpack(arguments, 1, arguments.n + returns.n))
    return unpack(returns, 1, returns.n)
  end
end

-- A file of the module with its functions as they are, and every call is recorded: arguments, what became of them, and
-- what was returned. When all tests are through this is compared with FILE.vectors.json.
function t_methods.vectors(_, file)
  if type(file) ~= "string" then error('t:vectors takes the name of a file: t:vectors "shared.step"', 2) end
  local functions, recording = require(file), {}
  if type(functions) ~= "table" then error("t:vectors: " .. file .. " returns no table of functions", 2) end
  for name, value in pairs(functions) do
    recording[name] = type(value) == "function" and recorded(file, name, value) or value
  end
  return recording
end

-- For Rust -----------------------------------------------------------------------------------------------------------

local tests
local engine = {}

-- The names of all tests, ascending.
function engine.load()
  tests = require "test"
  if type(tests) ~= "table" then error("test.lua returns a " .. type(tests) .. ", not a table of tests", 0) end
  local names = list {}
  for name, test in pairs(tests) do
    if type(name) ~= "string" or type(test) ~= "function" then
      error(format("test.lua: %s is no function: tests are written function tests.name(t) … end", tostring(name)), 0)
    end
    names[#names + 1] = name
  end
  sort(names)
  return names
end

function engine.run(name)
  told_seed = nil
  random_seed(1)
  tests[name](t)
end

-- Of the test that ran last, when it named one.
function engine.seed() return told_seed end

return engine
