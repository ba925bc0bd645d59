-- json.encode and json.decode with the engine's quirks: 14 digits, an empty table is an object, null is nothing, functions
-- become strings. The module's values of nil inside arrays become holes.

local concat, format = table.concat, string.format

local MAX_DEPTH = 1000

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
  ["/"] = "\\/" }

local function quote(text)
  return '"' .. text:gsub('[%c"\\/\127]', function(c) return escapes[c] or format("\\u%04x", c:byte()) end) .. '"'
end

-- The length as an array, or nil for an object.
local function array_length(value)
  local most = 0
  for key in pairs(value) do
    if type(key) ~= "number" or key < 1 or key % 1 ~= 0 then return nil end
    if key > most then most = key end
  end
  return most > 0 and most or nil
end

local encode

local function encode_table(value, options, depth, out)
  if depth > MAX_DEPTH then error("Cannot serialise, excessive depth", 0) end
  local length = array_length(value)
  if length then
    out[#out + 1] = "["
    for n = 1, length do
      if n > 1 then out[#out + 1] = "," end
      encode(value[n], options, depth + 1, out)
    end
    out[#out + 1] = "]"
  elseif next(value) == nil and options.encode_empty_table_as_object == false then
    out[#out + 1] = "[]"
  else
    out[#out + 1] = "{"
    local first = true
    for key, item in pairs(value) do
      if type(key) ~= "string" and type(key) ~= "number" then error("Cannot serialise table: table key must be a number or string", 0) end
      if not first then out[#out + 1] = "," end
      first = false
      out[#out + 1] = quote(type(key) == "number" and format("%.14g", key) or key) .. ":"
      encode(item, options, depth + 1, out)
    end
    out[#out + 1] = "}"
  end
end

function encode(value, options, depth, out)
  local kind = type(value)
  if kind == "table" then return encode_table(value, options, depth, out) end
  if kind == "number" then
    if value ~= value or value == math.huge or value == -math.huge then error("Cannot serialise number: must not be NaN or Inf", 0) end
    out[#out + 1] = format("%.14g", value)
  elseif kind == "string" then
    out[#out + 1] = quote(value)
  elseif kind == "boolean" then
    out[#out + 1] = tostring(value)
  elseif kind == "nil" then
    out[#out + 1] = "null"
  elseif kind == "function" then
    out[#out + 1] = quote(tostring(value)) -- silently
  else
    error("Cannot serialise " .. kind .. ": type not supported", 0)
  end
end

local Reader = {}
Reader.__index = Reader

function Reader:fail(expected)
  error(format("Expected %s but found '%s' at character %d", expected, self.text:sub(self.at, self.at), self.at), 0)
end

function Reader:skip() self.at = self.text:find("[^ \t\r\n]", self.at) or #self.text + 1 end

local function utf8(code)
  local function tail(shift) return 128 + math.floor(code / shift) % 64 end
  if code < 0x80 then return string.char(code) end
  if code < 0x800 then return string.char(0xC0 + math.floor(code / 64), tail(1)) end
  if code < 0x10000 then return string.char(0xE0 + math.floor(code / 4096), tail(64), tail(1)) end
  return string.char(0xF0 + math.floor(code / 262144), tail(4096), tail(64), tail(1))
end

local plain = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }

function Reader:string()
  local out = {}
  self.at = self.at + 1
  while true do
    local stop = self.text:find('[%z\1-\31"\\]', self.at)
    if not stop then self:fail("object key string") end
    out[#out + 1] = self.text:sub(self.at, stop - 1)
    local c = self.text:sub(stop, stop)
    self.at = stop + 1
    if c == '"' then return concat(out) end
    if c ~= "\\" then self.at = stop self:fail("valid string") end
    local e = self.text:sub(self.at, self.at)
    self.at = self.at + 1
    if e == "u" then
      local code = tonumber(self.text:match("^%x%x%x%x", self.at) or self:fail("four hex digits"), 16)
      self.at = self.at + 4
      local low = code >= 0xD800 and code < 0xDC00 and self.text:match("^\\u(%x%x%x%x)", self.at)
      if low then
        code = 0x10000 + (code - 0xD800) * 1024 + tonumber(low, 16) - 0xDC00
        self.at = self.at + 6
      end
      out[#out + 1] = utf8(code)
    else
      out[#out + 1] = plain[e] or self:fail("valid escape")
    end
  end
end

function Reader:list(close, item)
  self.at = self.at + 1
  self:skip()
  if self.text:sub(self.at, self.at) == close then self.at = self.at + 1 return end
  while true do
    item()
    self:skip()
    local c = self.text:sub(self.at, self.at)
    self.at = self.at + 1
    if c == close then return end
    if c ~= "," then self.at = self.at - 1 self:fail("comma or end") end
    self:skip()
  end
end

function Reader:value()
  self:skip()
  local c = self.text:sub(self.at, self.at)
  if c == '"' then return self:string() end
  if c == "{" then
    local object = {}
    self:list("}", function()
      if self.text:sub(self.at, self.at) ~= '"' then self:fail("object key string") end
      local key = self:string()
      self:skip()
      if self.text:sub(self.at, self.at) ~= ":" then self:fail("colon") end
      self.at = self.at + 1
      object[key] = self:value()
    end)
    return object
  elseif c == "[" then
    local array, n = {}, 0
    self:list("]", function()
      n = n + 1
      array[n] = self:value()
    end)
    return array
  end
  for word, value in pairs { ["true"] = true, ["false"] = false } do
    if self.text:sub(self.at, self.at + #word - 1) == word then self.at = self.at + #word return value end
  end
  if self.text:sub(self.at, self.at + 3) == "null" then self.at = self.at + 4 return self.null end
  local number = self.text:match("^-?%d[%d.eE+-]*", self.at)
  if not number or not tonumber(number) then self:fail("value") end
  self.at = self.at + #number
  return tonumber(number)
end

local null = newproxy()

local function api()
  return {
    null = null,
    encode = function(value, options)
      local out = {}
      encode(value, options or {}, 1, out)
      return concat(out)
    end,
    decode = function(text, options)
      if type(text) ~= "string" then error("bad argument #1 to 'decode' (string expected, got " .. type(text) .. ")", 2) end
      local reader = setmetatable({ text = text, at = 1, null = options and options.decode_null_as_userdata and null or nil }, Reader)
      local value = reader:value()
      reader:skip()
      if reader.at <= #text then reader:fail("the end") end
      return value
    end,
  }
end

return { api = api }
