-- hash, url and msg.post: small tables between scripts, 2,040 bytes at most, delivered after the scripts' updates.

local Messages = {}
Messages.__index = Messages

local MAX_BYTES = 2040

-- Two 32-bit FNV hashes side by side: 16 hex digits, and nothing more is asked of them.
local function digest(text)
  local bit = require "bit"
  local parts = {}
  for _, start in ipairs { 2166136261, 84696351 } do
    local h = start
    for n = 1, #text do
      h = bit.bxor(h % 4294967296, text:byte(n)) % 4294967296
      h = (h * 403 + (h % 256) * 16777216) % 4294967296 -- h * 16777619, in pieces that doubles can hold
    end
    parts[#parts + 1] = string.format("%08x", h)
  end
  return table.concat(parts)
end

local hashes, hash_names = {}, setmetatable({}, { __mode = "k" })

local function hash(text)
  if hash_names[text] then return text end
  if type(text) ~= "string" then error("bad argument #1 to 'hash' (string expected, got " .. type(text) .. ")", 2) end
  if hashes[text] then return hashes[text] end
  local value = newproxy(true)
  local meta = getmetatable(value)
  meta.__tostring = function() return "hash: [" .. text .. "]" end
  meta.__concat = function(a, b) return tostring(a) .. tostring(b) end
  meta.__metatable = false
  hashes[text], hash_names[value] = value, text
  return value
end

local urls = setmetatable({}, { __mode = "k" })

-- One function for all: Lua 5.1 compares userdata only when both have the same __eq.
local function same_url(a, b) return urls[a] == urls[b] end

-- Of an address "path#fragment".
local function url(id)
  local value = newproxy(true)
  local meta = getmetatable(value)
  meta.__index = { socket = hash "main", path = hash(id:match("^[^#]*")), fragment = hash(id:match("#(.*)$") or "") }
  meta.__tostring = function() return "url: [main:" .. id .. "]" end
  meta.__eq = same_url
  meta.__metatable = false
  urls[value] = id
  return value
end

local function new(app)
  return setmetatable({ app = app, queue = {} }, Messages)
end

-- The address that a receiver means: "/path", or "/path#fragment" for one component.
local function resolve(self, receiver)
  local current = self.app.current
  if receiver == nil or receiver == "." then return current and current.path end
  if urls[receiver] then return urls[receiver] end
  if hash_names[receiver] then return hash_names[receiver] end
  if type(receiver) ~= "string" then error("invalid receiver", 3) end
  if receiver:sub(1, 1) == "#" then return current and current.path .. receiver end
  return (receiver:gsub("^[%w_-]*:", ""))
end

-- About what the engine's own format takes, and a copy: nothing is shared between sender and receiver.
local function pack(value, depth)
  local kind = type(value)
  if kind == "number" then return value, 8 end
  if kind == "boolean" then return value, 1 end
  if kind == "string" then return value, 4 + #value end
  if kind == "userdata" then return value, 32 end -- hash, url, vectors
  if kind ~= "table" then error("unsupported value type in table: " .. kind, 4) end
  if depth > 16 then error("table is nested too deep", 4) end
  local copy, bytes = {}, 4
  for key, item in pairs(value) do
    if type(key) ~= "string" and type(key) ~= "number" and type(key) ~= "userdata" then error("keys in table must be of type number or string", 4) end
    local kept, size = pack(item, depth + 1)
    copy[key] = kept
    bytes = bytes + 2 + size + (type(key) == "string" and #key + 4 or 4)
  end
  return copy, bytes
end

function Messages:post(receiver, id, data)
  if not self.app.current then error("msg.post can only be called from a script", 3) end
  if type(id) == "string" then id = hash(id) end
  if not hash_names[id] then error("bad argument #2 to 'post' (string or hash expected)", 3) end
  if data ~= nil and type(data) ~= "table" then error("bad argument #3 to 'post' (table expected, got " .. type(data) .. ")", 3) end
  local copy, bytes = pack(data or {}, 1)
  if bytes + 8 > MAX_BYTES then error("table too large: " .. bytes .. " bytes, the limit is " .. MAX_BYTES, 3) end
  table.insert(self.queue, { to = resolve(self, receiver), id = id, data = copy, sender = url(self.app.current.address), sender_instance = self.app.current })
end

-- The engine's own word to a script.
function Messages:answer(instance, text, from)
  table.insert(self.queue, { to = instance.address, id = hash(text), data = {}, sender = url(from) })
end

-- What is posted by a handler comes next frame.
function Messages:dispatch()
  local queue = self.queue
  self.queue = {}
  for _, message in ipairs(queue) do
    local found = self.app:addressed(message.to)
    for _, instance in ipairs(found) do self.app:tell(instance, "on_message", message.id, message.data, message.sender) end
    if #found == 0 and not self.app:engine_takes(message) then
      table.insert(self.app.log, "WARNING: Instance '" .. tostring(message.to) .. "' could not be found when dispatching message")
    end
  end
end

function Messages:install(environment)
  environment.hash = hash
  environment.hash_to_hex = function(value) return digest(hash_names[value] or error("bad argument #1 to 'hash_to_hex' (hash expected)", 2)) end
  environment.msg = {
    post = function(receiver, id, data) self:post(receiver, id, data) end,
    -- (): one's own; (text); (socket, path, fragment).
    url = function(...)
      local text, path, fragment = ...
      if select("#", ...) > 1 then
        return url((hash_names[path] or path) .. (fragment and "#" .. (hash_names[fragment] or fragment) or ""))
      end
      if not self.app.current then error("msg.url can only be called from a script", 2) end
      return url(text == nil and self.app.current.address or resolve(self, text))
    end,
  }
end

return { new = new, hash = hash, is_hash = function(value) return hash_names[value] ~= nil end, name_of = function(value) return hash_names[value] end }
