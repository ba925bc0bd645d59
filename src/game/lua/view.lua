-- What a bot sees: a client's view of the room, and its answer as the numbers of an input. The same file runs in rooms,
-- over the live room, and in a load test's VM, over what a client was sent.
--
-- Bots hold proxies: empty tables that read from shadows, which are copied once a tick for each class that is asked for.
-- So nothing a bot does reaches the room, and a field costs it one look-up.

local _, trusted, run = ...
local engine = run.engine
local fail, cast, setmetatable, loadstring = trusted.fail, trusted.cast, trusted.setmetatable, trusted.loadstring
local type, tostring, next, ipairs, rawget, error = type, tostring, next, ipairs, rawget, error
local format, concat, floor, min, max, sqrt, huge = string.format, table.concat, math.floor, math.min, math.max, math.sqrt, math.huge
local sort = table.sort
local PRESSES_MAX = 3 -- that one input can carry

local view = {}
local classes, ordered = {}, {} -- pools by name, and in the order of the schema
local people, seated = {}, {} -- number -> record of one who plays or left; those who sit here now, in order
local stamp, eager = 0, false -- which copy is fresh; whether documents name entities
local source -- function(pool): fills it, from the room or from rows
local write -- function(result): a bot's answer into Rust's array

local function deny() fail("what a bot sees can not be changed; it answers with a table of inputs") end

-- A proxy and its shadow. `unknown` answers or raises for what the shadow does not have.
local function proxy_of(shadow, unknown)
  setmetatable(shadow, { __index = unknown, __metatable = false })
  return setmetatable({}, { __index = shadow, __newindex = deny, __metatable = false })
end

-- rawset may have put something in front of the shadow.
local function clean(proxy)
  for key in next, proxy do proxy[key] = nil end
end

local function unknown_of(label, names, absent)
  return function(_, key)
    if key == absent then return nil end
    fail("%s.%s does not exist for a bot%s", label, tostring(key), trusted.did_you_mean(key, names))
  end
end

-- People -----------------------------------------------------------------------------------------------------------------

local PERSON = { "connected", "id", "kind", "name", "role", "state" }
local unknown_of_person = unknown_of("player", PERSON)

local function person(number)
  local record = people[number]
  if record then return record end
  local shadow = { id = format("%d", number), name = "", kind = "player", role = "", connected = false, state = {} }
  record = { shadow = shadow, proxy = proxy_of(shadow, unknown_of_person), number = number }
  people[number] = record
  return record
end

function engine.view_player(number) return person(number).proxy end

-- A document that has changed: `number` is a player's, 0 is the room's.
local room_shadow, room
function engine.view_document(number, document)
  if number == 0 then room_shadow.state = document else person(number).shadow.state = document end
end

-- Whoever is not in `list` ({number, name, kind, role, connected}…) sits here no longer.
function view.seat(list)
  local sits = {}
  for i, who in ipairs(list) do
    local record = person(who.number)
    local shadow = record.shadow
    shadow.name, shadow.kind, shadow.role, shadow.connected = who.name, who.kind, who.role, who.connected
    seated[i], sits[who.number] = record, true
    clean(record.proxy)
  end
  for i = #list + 1, #seated do seated[i] = nil end
  for number in next, people do
    if not sits[number] then people[number] = nil end
  end
end

-- Entities ---------------------------------------------------------------------------------------------------------------

local function new_entity(pool, id)
  local shadow = { id = id, class = pool.name, alive = true }
  local record = { shadow = shadow, proxy = proxy_of(shadow, pool.unknown), stamp = 0 }
  pool.by_id[id] = record
  return record
end

-- The record of an entity, for the fillers: it is there, and its proxy is untouched.
local function take(pool, id)
  local record = pool.by_id[id] or new_entity(pool, id)
  if next(record.proxy) ~= nil then clean(record.proxy) end
  record.stamp = stamp
  local n = pool.n + 1
  pool.n, pool.list[n] = n, record
  return record.shadow
end

local function bury(record)
  for key in next, record.shadow do record.shadow[key] = nil end
  record.shadow.alive = false
end

local function fresh(pool)
  if pool.stamp == stamp then return pool end
  local before, list = pool.n, pool.list
  pool.spare, pool.list, pool.n, pool.stamp = list, pool.spare, 0, stamp
  source(pool)
  for i = 1, before do
    local record = list[i]
    if record.stamp ~= stamp then
      local id = rawget(record.shadow, "id")
      if id then pool.by_id[id] = nil end
      bury(record)
    end
    list[i] = nil
  end
  return pool
end

-- An entity that a document names; nil where it is not there (any more).
function engine.view_entity(id)
  eager = true
  for _, pool in ipairs(ordered) do
    local record = fresh(pool).by_id[id]
    if record then return record.proxy end
  end
  return nil
end

-- Generated for each class: `lines` sets the shadow `s` from the entity `e`, or from a row of doubles at `at`.
local function filler(pool, from_rows)
  local choices, lines = {}, {}
  local function line(...) lines[#lines + 1] = format(...) end
  line "local take, person, choices, numbers, type = ..."
  if from_rows then
    line "return function(pool, rows, at, count)"
    line("  for _ = 1, count do")
    line "    local s = take(pool, rows[at])"
    line "    if rows[at + 1] == 0 then s.owner = nil else s.owner = person(rows[at + 1]).proxy end"
  else
    line "return function(pool, class)"
    line "  local list, ids = class.list, class.ids"
    line "  for slot = 1, class.n do"
    line "    local e = list[slot]"
    line "    if e then"
    line "    local s = take(pool, ids[slot])"
    line "    local v = e.owner"
    line "    if v ~= nil then v = numbers[v] end"
    line "    if v == nil then s.owner = nil else s.owner = person(v).proxy end"
  end
  for i, name in ipairs(pool.fields) do
    local kind = pool.kinds[i]
    if from_rows then
      local value = format("rows[at + %d]", i + 1)
      if kind.kind == "flag" then value = value .. " ~= 0" end
      if kind.kind == "choice" then
        choices[i] = {}
        for index, choice in ipairs(kind) do choices[i][index - 1] = choice end
        value = format("choices[%d][%s]", i, value)
      end
      line("    s[%q] = %s", name, value)
    elseif kind.kind == "flag" then
      line("    s[%q] = e[%q] == true", name, name)
    else
      -- What is not of its kind is told by the copier.
      local wanted = kind.kind == "choice" and "string" or "number"
      line("    v = e[%q] if type(v) == %q then s[%q] = v end", name, wanted, name)
    end
  end
  if from_rows then line("    at = at + %d", 2 + #pool.fields) else line "    end" end
  line "  end"
  if from_rows then line "  return at" end
  line "end"
  return loadstring(concat(lines, "\n"), "=[airboat view]")(take, person, choices, run.entities.numbers, type)
end

local function pool_named(name, api)
  local pool = classes[name]
  if pool then return fresh(pool) end
  if type(name) ~= "string" then fail("%s takes the name of a class: write room:%s(class, …), with a colon", api, api) end
  local names = {}
  for i, known in ipairs(ordered) do names[i] = known.name end
  fail("%s: there is no class %s%s", api, tostring(name), trusted.did_you_mean(name, names))
end

local function is_number(v) return type(v) == "number" and v == v end

local function check_circle(api, pool, x, y, radius)
  if not pool.has_place then fail("%s: class %s has no field x", api, pool.name) end
  if not (is_number(x) and is_number(y) and is_number(radius)) then
    fail("%s: (class, x, y, distance) with numbers", api)
  end
end

-- The room as a bot has it -------------------------------------------------------------------------------------------------

-- A walk's state is in the bot's hands: numbers only.
local function stepper(pool)
  return function(walk)
    local far, x, y = walk.far, walk.x, walk.y
    for i = walk.at + 1, pool.n do
      local record = pool.list[i]
      local dx, dy = 0, 0
      if far then dx, dy = record.shadow.x - x, record.shadow.y - y end
      if not far or dx * dx + dy * dy <= far then
        walk.at = i
        return record.proxy
      end
    end
    walk.at = pool.n
    return nil
  end
end

local function each(_, name)
  local pool = pool_named(name, "each")
  return pool.step, { at = 0 }
end

local function within(_, name, x, y, radius)
  local pool = pool_named(name, "within")
  check_circle("within", pool, x, y, radius)
  return pool.step, { at = 0, far = radius * radius, x = x, y = y }
end

local function nearest(_, name, x, y, radius)
  local pool = pool_named(name, "nearest")
  radius = radius or huge
  check_circle("nearest", pool, x, y, radius)
  local best, best_distance, list = nil, radius * radius, pool.list
  for i = 1, pool.n do
    local shadow = list[i].shadow
    local dx, dy = shadow.x - x, shadow.y - y
    local distance = dx * dx + dy * dy
    if distance < best_distance or (distance == best_distance and not best) then best, best_distance = list[i], distance end
  end
  if best then return best.proxy, sqrt(best_distance) end
  return nil
end

local function next_person(walk)
  for i = walk.at + 1, #seated do
    local record = seated[i]
    if walk.kind == nil or record.shadow.kind == walk.kind then
      walk.at = i
      return record.proxy
    end
  end
  walk.at = #seated
  return nil
end

local ROOM = { "dt", "each", "nearest", "players", "state", "tick", "time", "within" }
room_shadow = {
  tick = 0, time = 0, dt = 1 / 30, state = {}, each = each, within = within, nearest = nearest,
  players = function(_, kind) return next_person, { at = 0, kind = kind } end,
}
room = proxy_of(room_shadow, unknown_of("room", ROOM))

-- Answers ------------------------------------------------------------------------------------------------------------------

local function wrong(name, value, wanted)
  local told = type(value) == "string" and format("%q", value) or tostring(value)
  error(format("game.bot: %s is %s, not %s", name, told, wanted), 0)
end

local function check_finite(name, value, wanted)
  if not is_number(value) or value == huge or value == -huge then wrong(name, value, wanted) end
  return value
end

local convert = {
  number = function(_, name, value) return check_finite(name, value, "a number") end,
  angle = function(_, name, value) return check_finite(name, value, "an angle in radians") end,
  flag = function(_, name, value)
    if type(value) ~= "boolean" then wrong(name, value, "true or false") end
    return value and 1 or 0
  end,
  choice = function(field, name, value)
    for index, choice in ipairs(field) do
      if choice == value then return index - 1 end
    end
    wrong(name, value, "one of its choice's names" .. trusted.did_you_mean(value, field))
  end,
  press = function(_, name, value)
    if type(value) == "boolean" then return value and 1 or 0 end
    return min(max(floor(check_finite(name, value, "true, false or a count")), 0), PRESSES_MAX)
  end,
}

-- What is missing is neutral: 0, false, the first choice.
local function writer(fields, address)
  local to, known, names = cast("double *", address), {}, {}
  for i, field in ipairs(fields) do known[field.name], names[i] = true, field.name end
  return function(result)
    if type(result) ~= "table" then error(format("game.bot returns a %s, not a table of inputs", type(result)), 0) end
    for key in next, result do
      if not known[key] then
        error(format("game.bot: there is no input %s%s", tostring(key), trusted.did_you_mean(key, names)), 0)
      end
    end
    for i, field in ipairs(fields) do
      local value = rawget(result, field.name)
      to[i - 1] = value == nil and 0 or convert[field.kind](field, field.name, value)
    end
  end
end

-- The engine's side ----------------------------------------------------------------------------------------------------------

-- `declared` as in engine.start; with `from_rows`, entities come from `view.rows`, else from the live room.
function view.start(declared, address, from_rows)
  room_shadow.dt = 1 / declared.rate
  write = writer(declared.inputs, address)
  for index, class in ipairs(declared.classes) do
    local pool = {
      name = class.name, fields = class.fields, kinds = class.kinds, index = index, has_place = false,
      by_id = {}, list = {}, spare = {}, n = 0, stamp = 0,
    }
    local names = { "alive", "class", "id", "owner" }
    for i, name in ipairs(class.fields) do
      names[i + 4] = name
      pool.has_place = pool.has_place or name == "x"
    end
    sort(names)
    pool.unknown = unknown_of(class.name, names, "owner")
    pool.step, pool.fill = stepper(pool), filler(pool, from_rows)
    classes[class.name], ordered[index] = pool, pool
  end
end

-- One player's input into Rust's array; false where the module has no bots.
function engine.bot(number)
  local f = rawget(run.game, "bot")
  if type(f) ~= "function" then return false end
  if next(room) ~= nil then clean(room) end
  write((f(room, person(number).proxy)))
  return true
end

local function begin(tick)
  stamp = stamp + 1
  room_shadow.tick, room_shadow.time = tick, tick * room_shadow.dt
  if eager then
    for _, pool in ipairs(ordered) do fresh(pool) end
  end
end

local function live(pool) pool.fill(pool, run.entities.classes[pool.name]) end

-- Before the bots of a tick: all of them see the same. Documents follow, as far as they have changed.
function engine.view_room()
  source = live
  begin(run.tick)
  local sitting = {}
  for i, player in ipairs(run.seats) do
    local values = player.values
    sitting[i] = {
      number = player.number, name = values.name, kind = values.kind, role = values.role, connected = values.connected,
    }
  end
  view.seat(sitting)
end

-- The start of a VM that holds no room, only a bot.
function engine.start_bot(game, declared, address)
  run.game, run.rate = game, declared.rate
  view.start(declared, address, true)
end

engine.view_seats = view.seat

-- `address`: how many rows each class has, then the rows.
function engine.view_rows(tick, address)
  local rows, at = cast("double *", address), #ordered
  local begins = {}
  for i, pool in ipairs(ordered) do
    begins[i] = at
    at = at + rows[i - 1] * (2 + #pool.fields)
  end
  source = function(pool) pool.fill(pool, rows, begins[pool.index], rows[pool.index - 1]) end
  trusted.clock.time = tick / run.rate
  begin(tick)
  -- The array is Rust's again after this call: everything is read now.
  for _, pool in ipairs(ordered) do fresh(pool) end
end

if run.declared then view.start(run.declared, run.input_address, false) end
return view
