-- Reads JSON: what the golden vectors are written in. Lists are marked, so that an empty one is not an empty map.

local json = { null = setmetatable({}, { __tostring = function() return "null" end }) }

local List = {}
function json.is_list(t) return type(t) == "table" and getmetatable(t) == List end

local ESCAPES = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

local function utf8(n)
  if n < 0x80 then return string.char(n) end
  local low = 0x80 + n % 64
  n = math.floor(n / 64)
  if n < 32 then return string.char(0xc0 + n, low) end
  local middle = 0x80 + n % 64
  n = math.floor(n / 64)
  if n < 16 then return string.char(0xe0 + n, middle, low) end
  return string.char(0xf0 + math.floor(n / 64), 0x80 + n % 64, middle, low)
end

local function fail(s, at) error(("bad JSON at byte %d: %s"):format(at, s:sub(at, at + 20)), 0) end

local function read_text(s, at)
  local parts = {}
  while true do
    local stop = s:find('["\\]', at)
    if not stop then fail(s, at) end
    parts[#parts + 1] = s:sub(at, stop - 1)
    if s:sub(stop, stop) == '"' then return table.concat(parts), stop + 1 end
    local escape = s:sub(stop + 1, stop + 1)
    at = stop + 2
    if escape == "u" then
      local unit = tonumber(s:sub(at, at + 3), 16)
      at = at + 4
      if unit >= 0xd800 and unit < 0xdc00 then
        unit = 0x10000 + (unit - 0xd800) * 0x400 + tonumber(s:sub(at + 2, at + 5), 16) - 0xdc00
        at = at + 6
      end
      parts[#parts + 1] = utf8(unit)
    else
      parts[#parts + 1] = ESCAPES[escape] or escape
    end
  end
end

local read

local function skip(s, at) return s:find("[^ \t\r\n]", at) or #s + 1 end

local function read_list(s, at)
  local list = setmetatable({}, List)
  at = skip(s, at)
  if s:sub(at, at) == "]" then return list, at + 1 end
  while true do
    list[#list + 1], at = read(s, at)
    at = skip(s, at)
    local mark = s:sub(at, at)
    if mark == "]" then return list, at + 1 end
    if mark ~= "," then fail(s, at) end
    at = at + 1
  end
end

local function read_map(s, at)
  local map = {}
  at = skip(s, at)
  if s:sub(at, at) == "}" then return map, at + 1 end
  while true do
    local key
    at = skip(s, at)
    if s:sub(at, at) ~= '"' then fail(s, at) end
    key, at = read_text(s, at + 1)
    at = skip(s, at)
    if s:sub(at, at) ~= ":" then fail(s, at) end
    map[key], at = read(s, at + 1)
    at = skip(s, at)
    local mark = s:sub(at, at)
    if mark == "}" then return map, at + 1 end
    if mark ~= "," then fail(s, at) end
    at = at + 1
  end
end

function read(s, at)
  at = skip(s, at)
  local mark = s:sub(at, at)
  if mark == "{" then return read_map(s, at + 1) end
  if mark == "[" then return read_list(s, at + 1) end
  if mark == '"' then return read_text(s, at + 1) end
  if s:sub(at, at + 3) == "true" then return true, at + 4 end
  if s:sub(at, at + 4) == "false" then return false, at + 5 end
  if s:sub(at, at + 3) == "null" then return json.null, at + 4 end
  local number = s:match("^-?%d+%.?%d*[eE]?[-+]?%d*", at)
  if not number then fail(s, at) end
  return tonumber(number), at + #number
end

function json.decode(s)
  local value, at = read(s, 1)
  if skip(s, at) <= #s then fail(s, at) end
  return value
end

return json
