-- What a module declares: entity classes and inputs, with the way from real units to steps on the wire and back.

local errors = require "airboat.errors"
local frames = require "airboat.frames"
local msgpack = require "airboat.msgpack"

local schema = { TURN = 1024 }

local floor, max, min = math.floor, math.max, math.min
local TAU = 2 * math.pi
local QUANTUM_MAX = 2 ^ 30 - 1
local WIDEST = 2 ^ 31 - 1

---@class airboat.Field
---@field name string
---@field kind "number"|"angle"|"flag"|"choice"|"press"
---@field step number Real units of one step; radians for angles.
---@field low integer The least steps that may stand on the wire.
---@field high integer The most.
---@field names string[] Of a choice.

---@class airboat.Class
---@field name string
---@field fields airboat.Field[]
---@field linear boolean Moves by itself along a line: sent once.

---@class airboat.Schema
---@field tick_rate integer Ticks a second.
---@field classes airboat.Class[]
---@field inputs airboat.Field[]

-- Half away from zero, as the server rounds.
local function round(n)
  if n < 0 then return -floor(0.5 - n) end
  return floor(n + 0.5)
end
schema.round = round

-- The steps of a value in real units: numbers, radians, booleans, a choice's name.
function schema.quantise(field, value)
  local kind = field.kind
  if kind == "flag" then return value and value ~= 0 and 1 or 0 end
  if kind == "choice" and type(value) == "string" then
    for i = 1, #field.names do
      if field.names[i] == value then return i - 1 end
    end
    return 0
  end
  local real = value == true and 1 or tonumber(value) or 0
  if real ~= real then real = 0 end
  if kind == "angle" then
    if real - real ~= 0 then return 0 end -- infinite
    return round(real / TAU * schema.TURN) % schema.TURN
  end
  if kind == "number" then real = round(max(-1e300, min(1e300, real / field.step))) end
  -- Presses and choices by number go towards zero.
  if kind ~= "number" then real = real < 0 and -floor(-real) or floor(real) end
  return min(field.high, max(field.low, real))
end

function schema.dequantise(field, steps)
  if field.kind == "flag" then return steps == 1 end
  if field.kind == "choice" then return field.names[steps + 1] or "" end
  return steps * field.step
end

local function read_number(field, kind)
  local low, high, step = kind[2], kind[3], kind[4]
  if type(low) ~= "number" or type(high) ~= "number" or type(step) ~= "number" then errors.codec("shape") end
  if not (step > 0 and low < high and max(-low, high) / step <= QUANTUM_MAX) then errors.codec("range") end
  field.step, field.low, field.high = step, round(low / step), round(high / step)
end

local function read_field(value)
  local pair = frames.list(value)
  local kind = frames.list(pair[2])
  local field = { name = frames.text(pair[1]), kind = kind[1], step = 1, low = 0, high = 1, names = {} }
  if field.kind == "number" then read_number(field, kind)
  elseif field.kind == "angle" then field.step, field.high = TAU / schema.TURN, schema.TURN - 1
  elseif field.kind == "press" then field.high = 3
  elseif field.kind == "choice" then
    for i = 2, #kind do field.names[i - 1] = frames.text(kind[i]) end
    field.high = #field.names - 1
  elseif field.kind ~= "flag" then errors.codec("shape") end
  return field
end

local function read_fields(value)
  local fields = {}
  for i, item in ipairs(frames.list(value)) do fields[i] = read_field(item) end
  if #fields > 24 then errors.codec("count") end
  return fields
end

-- What the decoder and the mirror need to know of a column. `kind`: "owner", "number" (all that is steps times a unit),
-- "flag" or "choice".
local function column(name, kind, step, low, high, field)
  local angle = field and field.kind == "angle" or false
  return { name = name, kind = kind, step = step, low = low, high = high, names = field and field.names, angle = angle,
    smooth = field ~= nil and kind == "number" }
end

-- Columns: owner, the fields, then `vx vy since ends` for linear ones.
local function columns_of(fields, linear)
  local columns = { column("owner", "owner", 1, -WIDEST - 1, WIDEST) }
  for i, field in ipairs(fields) do
    local kind = (field.kind == "flag" or field.kind == "choice") and field.kind or "number"
    columns[i + 1] = column(field.name, kind, field.step, field.low, field.high, field)
    if field.name == "x" and field.kind == "number" then columns.x = i + 1 end
    if field.name == "y" and field.kind == "number" then columns.y = i + 1 end
  end
  if not linear then return columns end
  if not columns.x or not columns.y then errors.codec("shape") end
  for _, name in ipairs { "vx", "vy", "since", "ends" } do
    local unit = name == "vx" and columns[columns.x].step or name == "vy" and columns[columns.y].step or 1
    columns[#columns + 1] = column(name, "number", unit, -WIDEST - 1, WIDEST)
  end
  return columns
end

local function read_class(value, index)
  local map = frames.map(value)
  local fields = read_fields(map.fields)
  local linear = map.linear == true
  local columns = columns_of(fields, linear)
  local class = {
    index = index, name = frames.text(map.name), fields = fields, linear = linear, columns = columns, width = #columns,
    smooth = {}, rest = {}, -- columns that are drawn between two snapshots, and the others
  }
  for c, each in ipairs(columns) do table.insert(each.smooth and class.smooth or class.rest, c) end
  if linear then class.since, class.ends = #columns - 1, #columns end
  return class
end

---@return airboat.Schema
function schema.read(value)
  local map = frames.map(value)
  local read = { tick_rate = frames.u32(map.tick_rate), classes = {}, inputs = read_fields(map.inputs) }
  for i, class in ipairs(frames.list(map.classes)) do read.classes[i] = read_class(class, i) end
  if read.tick_rate < 1 or read.tick_rate > 240 then errors.codec("shape") end
  if #read.classes > 31 then errors.codec("count") end
  -- Two schemas are the same when this is.
  read.text = msgpack.encode(value)
  return read
end

return schema
