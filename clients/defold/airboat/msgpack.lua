-- MessagePack as the protocol uses it: doubles, whole numbers below 2^53, UTF-8 texts, lists, maps, bytes, and
-- references to entities and players.
--
-- The encoder is canonical (keys in ascending order, shortest forms), because hashes are taken of its bytes. A Lua table
-- is a list when `msgpack.list` marked it or when its keys are 1..n, an empty one is a map unless marked.

local bytes = require "airboat.bytes"
local errors = require "airboat.errors"

local msgpack = {}

local CHAR = bytes.CHAR
local byte, char, sub, floor, concat = string.byte, string.char, string.sub, math.floor, table.concat
local frexp, ldexp, huge = math.frexp, math.ldexp, math.huge

local DEPTH_MAX = 16
-- A frame's own array and map come on top of what it carries.
local FRAME_DEPTH = DEPTH_MAX + 2
local WHOLE_MAX = 9007199254740991

-- Marks ---------------------------------------------------------------------------------------------------------------

local List = { __name = "airboat.List" }
local Bytes = { __name = "airboat.Bytes" }

---@class airboat.EntityRef Names an entity in a message or a document; `room:entity(ref)` finds it.
---@field id integer
local EntityRef = { __name = "airboat.EntityRef" }
EntityRef.__tostring = function(ref) return "entity " .. ref.id end

---@class airboat.PlayerRef Names a player; `room:player(ref)` finds it.
---@field id string
local PlayerRef = { __name = "airboat.PlayerRef" }
PlayerRef.__tostring = function(ref) return "player " .. ref.id end

-- Entities of a room carry this metatable, so that they can be sent: a reference goes over the wire.
msgpack.Entity = { __name = "airboat.Entity" }

-- What stands for nil inside a list.
msgpack.null = setmetatable({}, { __name = "airboat.null", __tostring = function() return "null" end })

-- Marks a table as a list: what an empty one needs.
function msgpack.list(t) return setmetatable(t or {}, List) end

function msgpack.is_list(t) return type(t) == "table" and getmetatable(t) == List end

-- A string that is bytes even where it could be read as a text.
function msgpack.bytes(s) return setmetatable({ bytes = s }, Bytes) end

-- References to the same thing are the same table, as long as somebody holds one.
local entity_refs = setmetatable({}, { __mode = "v" })
local player_refs = setmetatable({}, { __mode = "v" })

---@return airboat.EntityRef
function msgpack.entity(id)
  local ref = entity_refs[id]
  if not ref then
    ref = setmetatable({ id = id }, EntityRef)
    entity_refs[id] = ref
  end
  return ref
end

---@return airboat.PlayerRef
function msgpack.player(id)
  id = tostring(id)
  local ref = player_refs[id]
  if not ref then
    ref = setmetatable({ id = id }, PlayerRef)
    player_refs[id] = ref
  end
  return ref
end

function msgpack.is_ref(t)
  local mark = getmetatable(t)
  return mark == EntityRef or mark == PlayerRef
end

-- A table that holds values: no list, reference or mark.
function msgpack.is_map(t) return type(t) == "table" and getmetatable(t) == nil end

-- Encoding ------------------------------------------------------------------------------------------------------------

local out, count = {}, 0

local function put(s)
  count = count + 1
  out[count] = s
end

-- Big-endian.
local function big2(n) return char(floor(n / 256), n % 256) end
local function big4(n) return char(floor(n / 16777216), floor(n / 65536) % 256, floor(n / 256) % 256, n % 256) end

local function double(n)
  if n ~= n then return "\127\248\0\0\0\0\0\0" end
  local sign = 0
  if n < 0 then sign, n = 128, -n end
  if n == huge then return char(sign + 127, 240, 0, 0, 0, 0, 0, 0) end
  if n == 0 then return char(sign, 0, 0, 0, 0, 0, 0, 0) end
  local fraction, exponent = frexp(n)
  exponent = exponent + 1022
  if exponent <= 0 then -- smaller than a normal number
    fraction, exponent = ldexp(fraction, exponent), 0
  else
    fraction = fraction * 2 - 1
  end
  local high = fraction * 1048576 -- 20 bits, then 32
  local low = (high - floor(high)) * 4294967296
  high = floor(high)
  return char(sign + floor(exponent / 16), exponent % 16 * 16 + floor(high / 65536)) .. big2(high % 65536) .. big4(low)
end

local function number(n)
  if n ~= floor(n) or n > WHOLE_MAX or n < -WHOLE_MAX then return put("\203" .. double(n)) end
  if n >= 0 then
    if n < 128 then put(CHAR[n])
    elseif n < 256 then put(char(0xcc, n))
    elseif n < 65536 then put("\205" .. big2(n))
    elseif n < 4294967296 then put("\206" .. big4(n))
    else put("\207" .. big4(floor(n / 4294967296)) .. big4(n % 4294967296)) end
  elseif n >= -32 then put(CHAR[n + 256])
  elseif n >= -128 then put(char(0xd0, n + 256))
  elseif n >= -32768 then put("\209" .. big2(n + 65536))
  elseif n >= -2147483648 then put("\210" .. big4(n + 4294967296))
  else put("\211" .. big4(floor(n / 4294967296) + 4294967296) .. big4(n % 4294967296)) end
end

-- A count with its marker: in the marker itself up to `fix_max`, then in 1 (where there is such a form), 2, 4 bytes.
local function head(n, fix, fix_max, one, two)
  if n <= fix_max then put(CHAR[fix + n])
  elseif one and n < 256 then put(char(one, n))
  elseif n < 65536 then put(CHAR[two] .. big2(n))
  else put(CHAR[two + 1] .. big4(n)) end
end

local function is_text(s)
  local at = string.find(s, "[\128-\255]")
  while at do
    local first = byte(s, at)
    local more = first >= 0xf0 and 3 or first >= 0xe0 and 2 or 1
    local a, b, c = byte(s, at + 1, at + more)
    local last = more == 3 and c or more == 2 and b or more == 1 and a
    if first < 0xc2 or first > 0xf4 or not last then return false end
    if a < 0x80 or a > 0xbf or (b and (b < 0x80 or b > 0xbf)) or (c and (c < 0x80 or c > 0xbf)) then return false end
    -- Forms that are too long, surrogates, and beyond the last character.
    if (first == 0xe0 and a < 0xa0) or (first == 0xed and a > 0x9f) then return false end
    if (first == 0xf0 and a < 0x90) or (first == 0xf4 and a > 0x8f) then return false end
    at = string.find(s, "[\128-\255]", at + more + 1)
  end
  return true
end

-- What is not UTF-8 travels as bytes, as the server does it.
local function text(s)
  if is_text(s) then head(#s, 0xa0, 31, 0xd9, 0xda) else head(#s, 0, -1, 0xc4, 0xc5) end
  put(s)
end

local write

local function write_list(list, length, depth)
  head(length, 0x90, 15, nil, 0xdc)
  for i = 1, length do write(list[i], depth) end
end

local function ascending(a, b)
  local ta, tb = type(a), type(b)
  if ta ~= tb then return ta == "number" end
  return a < b
end

local function write_map(map, keys, depth)
  table.sort(keys, ascending)
  head(#keys, 0x80, 15, nil, 0xde)
  for i = 1, #keys do
    local key = keys[i]
    if type(key) == "number" then number(key) else text(key) end
    write(map[key], depth)
  end
end

local function write_table(t, depth)
  local mark = getmetatable(t)
  if mark == EntityRef or mark == msgpack.Entity then return put("\214\1" .. big4(t.id)) end
  if mark == PlayerRef then return put("\214\2" .. big4(tonumber(t.id))) end
  if t == msgpack.null then return put("\192") end
  if mark == Bytes then
    head(#t.bytes, 0, -1, 0xc4, 0xc5)
    return put(t.bytes)
  end
  local length = #t
  if mark == List then return write_list(t, length, depth) end
  local keys, whole = {}, 0
  for key in pairs(t) do
    local kind = type(key)
    if kind == "number" and key == floor(key) then
      if key >= 1 and key <= length then whole = whole + 1 end
    elseif kind ~= "string" then
      error("airboat: a " .. kind .. " as a key cannot be sent", 0)
    end
    keys[#keys + 1] = key
  end
  if length > 0 and whole == length and whole == #keys then return write_list(t, length, depth) end
  write_map(t, keys, depth)
end

-- Raises a text on what no value can carry (functions, cycles): a mistake of the program, not of the network.
function write(value, depth)
  if depth == 0 then error("airboat: a value nested deeper than 16, or within itself", 0) end
  local kind = type(value)
  if kind == "nil" then put("\192")
  elseif kind == "number" then number(value)
  elseif kind == "string" then text(value)
  elseif kind == "boolean" then put(value and "\195" or "\194")
  elseif kind == "table" then write_table(value, depth - 1)
  else error("airboat: a " .. kind .. " cannot be sent", 0) end
end

-- The canonical MessagePack of a value. Raises when it holds what cannot be sent.
function msgpack.encode(value)
  count = 0
  write(value, FRAME_DEPTH)
  local s = concat(out, "", 1, count)
  -- A large message must not be kept for ever.
  if count > 4096 then out = {} end
  return s
end

-- An array of `n` values, some of which may be nil.
function msgpack.array(n, ...)
  local items = { ... }
  count = 0
  head(n, 0x90, 15, nil, 0xdc)
  for i = 1, n do write(items[i], FRAME_DEPTH - 1) end
  return concat(out, "", 1, count)
end

-- Decoding ------------------------------------------------------------------------------------------------------------

local function read_big(s, at, size)
  local n = 0
  for i = at, at + size - 1 do
    local b = byte(s, i)
    if not b then errors.codec("truncated") end
    n = n * 256 + b
  end
  return n, at + size
end

local function read_whole(s, at, size)
  local n, after = read_big(s, at, size)
  if n > WHOLE_MAX then errors.codec("range") end
  return n, after
end

local function read_negative(s, at, size)
  if size < 8 then
    local n, after = read_big(s, at, size)
    local turn = 256 ^ size
    return n >= turn / 2 and n - turn or n, after
  end
  -- The halves apart: the whole would lose its last bits.
  local high, middle = read_big(s, at, 4)
  local low, after = read_big(s, middle, 4)
  if high >= 2147483648 then high = high - 4294967296 end
  local n = high * 4294967296 + low
  if n > WHOLE_MAX or n < -WHOLE_MAX then errors.codec("range") end
  return n, after
end

local function read_float(s, at, size)
  local a, b, c, d = byte(s, at, at + 3)
  if not d or #s < at + size - 1 then errors.codec("truncated") end
  local sign = a < 128 and 1 or -1
  local exponent, fraction, bits, top
  if size == 4 then
    exponent, fraction, bits, top = a % 128 * 2 + floor(b / 128), (b % 128 * 256 + c) * 256 + d, 23, 255
  else
    local low = read_big(s, at + 4, 4)
    exponent, bits, top = a % 128 * 16 + floor(b / 16), 52, 2047
    fraction = ((b % 16 * 256 + c) * 256 + d) * 4294967296 + low
  end
  local n
  local bias = (top - 1) / 2
  if exponent == top then n = fraction == 0 and huge or huge - huge
  elseif exponent == 0 then n = ldexp(fraction, 1 - bias - bits)
  else n = ldexp(fraction + 2 ^ bits, exponent - bias - bits) end
  return sign * n, at + size
end

local function read_text(s, at, length)
  if at + length - 1 > #s then errors.codec("truncated") end
  return sub(s, at, at + length - 1), at + length
end

local read

local function read_list(s, at, length, depth)
  if length > #s - at + 1 then errors.codec("truncated") end
  local list = setmetatable({}, List)
  for i = 1, length do
    local value
    value, at = read(s, at, depth)
    if value == nil then value = msgpack.null end
    list[i] = value
  end
  return list, at
end

local function read_map(s, at, length, depth)
  if length > #s - at + 1 then errors.codec("truncated") end
  local map = {}
  for _ = 1, length do
    local key, value
    key, at = read(s, at, 2)
    if type(key) ~= "string" and not (type(key) == "number" and key == floor(key)) then errors.codec("marker") end
    value, at = read(s, at, depth)
    map[key] = value
  end
  return map, at
end

local function read_ref(s, at)
  local kind = byte(s, at)
  local id, after = read_big(s, at + 1, 4)
  if kind == 1 then return msgpack.entity(id), after end
  if kind == 2 then return msgpack.player(id), after end
  errors.codec("marker")
end

-- Markers from 0xc0 to 0xdf, except texts up to 31 bytes and the like, which carry their length themselves.
local function read_marked(s, at, marker, depth)
  if marker == 0xc0 then return nil, at end
  if marker == 0xc2 then return false, at end
  if marker == 0xc3 then return true, at end
  if marker == 0xca then return read_float(s, at, 4) end
  if marker == 0xcb then return read_float(s, at, 8) end
  if marker >= 0xcc and marker <= 0xcf then return read_whole(s, at, 2 ^ (marker - 0xcc)) end
  if marker >= 0xd0 and marker <= 0xd3 then return read_negative(s, at, 2 ^ (marker - 0xd0)) end
  if marker == 0xd6 then return read_ref(s, at) end
  local size
  if marker >= 0xc4 and marker <= 0xc6 then size = 2 ^ (marker - 0xc4)
  elseif marker >= 0xd9 and marker <= 0xdb then size = 2 ^ (marker - 0xd9)
  elseif marker >= 0xdc then size = 2 + 2 * (marker % 2)
  else errors.codec("marker") end
  local length
  length, at = read_big(s, at, size)
  if marker < 0xdc then return read_text(s, at, length) end
  if marker < 0xde then return read_list(s, at, length, depth) end
  return read_map(s, at, length, depth)
end

function read(s, at, depth)
  depth = depth - 1
  if depth < 0 then errors.codec("depth") end
  local marker = byte(s, at)
  if not marker then errors.codec("truncated") end
  at = at + 1
  if marker < 0x80 then return marker, at end
  if marker < 0x90 then return read_map(s, at, marker - 0x80, depth) end
  if marker < 0xa0 then return read_list(s, at, marker - 0x90, depth) end
  if marker < 0xc0 then return read_text(s, at, marker - 0xa0) end
  if marker >= 0xe0 then return marker - 256, at end
  return read_marked(s, at, marker, depth)
end

local function whole(s)
  local value, at = read(s, 1, FRAME_DEPTH)
  if at <= #s then errors.codec("trailing") end
  return value
end

-- Exactly one value, or nil and the reason why these bytes are none.
function msgpack.decode(s) return errors.catch(whole, s) end

-- The items of an array as a plain table, nil where nil stands. Raises a codec error.
function msgpack.read_array(s)
  local marker = byte(s, 1)
  if not marker or marker < 0x90 or marker > 0x9f then errors.codec("shape") end
  local items, at = {}, 2
  for i = 1, marker - 0x90 do
    items[i], at = read(s, at, FRAME_DEPTH - 1)
  end
  if at <= #s then errors.codec("trailing") end
  return items
end

return msgpack
