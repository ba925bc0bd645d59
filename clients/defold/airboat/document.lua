-- The documents of a room: plain tables that are changed in place, so that whoever holds one never has to ask again.

local errors = require "airboat.errors"
local frames = require "airboat.frames"
local msgpack = require "airboat.msgpack"

local document = {}

local is_list, is_map, floor = msgpack.is_list, msgpack.is_map, math.floor

local function is_key(key)
  return type(key) == "string" or (type(key) == "number" and key == floor(key))
end

-- What becomes of `old` when `value` takes its place: tables and lists stay the same table and are filled anew.
local function settle(old, value)
  local list = is_list(value)
  if not (list and is_list(old)) and not (is_map(value) and is_map(old)) then return value end
  if list then
    for i = #old, #value + 1, -1 do old[i] = nil end
  else
    for key in pairs(old) do
      if value[key] == nil then old[key] = nil end
    end
  end
  for key, item in pairs(value) do old[key] = settle(old[key], item) end
  return old
end

-- A list may be changed at its items and grows at its end.
local function check(list, key)
  if type(key) ~= "number" then errors.codec("shape") end
  if key < 1 or key > #list + 1 then errors.codec("range") end
end

local function descend(at, key)
  if is_list(at) then
    check(at, key)
    local next = at[key]
    if next == nil then errors.codec("shape") end
    return next
  end
  if not is_map(at) then errors.codec("shape") end
  local next = at[key]
  if next == nil then
    next = {}
    at[key] = next
  end
  return next
end

local function assign(at, key, value)
  if is_list(at) then
    check(at, key)
    if value == nil then value = msgpack.null end
  elseif not is_map(at) then
    errors.codec("shape")
  end
  at[key] = settle(at[key], value)
end

local function remove(at, key)
  if is_list(at) then
    -- A list shrinks from its end only.
    if #at == 0 or key ~= #at then errors.codec("range") end
  elseif not is_map(at) then
    errors.codec("shape")
  end
  at[key] = nil
end

-- The whole document. It may turn from a map into a list, but the table stays.
local function replace(root, value)
  if value == nil then value = {} end
  if not is_map(value) and not is_list(value) then errors.codec("shape") end
  local mark = getmetatable(value)
  if getmetatable(root) ~= mark then
    for key in pairs(root) do root[key] = nil end
    setmetatable(root, mark)
  end
  settle(root, value)
end

local function carry_out(root, path, value, sets)
  local n = #path
  if n == 0 then return replace(root, value) end
  local at = root
  for i = 1, n - 1 do at = descend(at, path[i]) end
  if sets then assign(at, path[n], value) else remove(at, path[n]) end
end

-- Whether a change at `path` of document `name` can be seen from `watched`: above it, at it or below it.
local function touches(name, path, watched)
  if name ~= watched[1] then return false end
  for i = 2, math.min(#path + 1, #watched) do
    if tostring(path[i - 1]) ~= tostring(watched[i]) then return false end
  end
  return true
end

local Documents = {}
Documents.__index = Documents

-- `tell(fn, value)` runs a watcher.
function document.new(tell)
  return setmetatable({ state = {}, players = {}, secret = {}, _watchers = {}, _tell = tell }, Documents)
end

-- Everything anew, in the tables that are there.
function Documents:restart(all)
  for _, name in ipairs { "state", "players", "secret" } do
    self:patch(name, msgpack.list { msgpack.list { msgpack.list {}, all[name] or {} } })
  end
end

-- Applies one frame's operations: `{path, value}` sets, `{path}` deletes. Raises a codec error.
function Documents:patch(name, operations)
  if name ~= "state" and name ~= "players" and name ~= "secret" then return end -- a document of a later version
  local root = self[name]
  for i = 1, #operations do
    local parts = frames.list(operations[i])
    local path = frames.list(parts[1])
    if #path > 16 then errors.codec("shape") end
    for k = 1, #path do
      if not is_key(path[k]) then errors.codec("shape") end
    end
    local value = parts[2]
    if value == msgpack.null then value = nil end
    carry_out(root, path, value, #parts > 1)
  end
  self:_notify(name, operations)
end

function Documents:_notify(name, operations)
  local watchers = self._watchers
  if #watchers == 0 then return end
  local due = {}
  for _, watcher in ipairs(watchers) do
    for i = 1, #operations do
      if touches(name, operations[i][1], watcher.path) then
        due[#due + 1] = watcher
        break
      end
    end
  end
  for _, watcher in ipairs(due) do self._tell(watcher.fn, self:get(watcher.path)) end
end

-- What stands at a path now: `{"state", "score", "3"}`. A key that is a number in words finds either.
function Documents:get(path)
  local at = self[path[1]]
  for i = 2, #path do
    if not is_list(at) and not is_map(at) then return nil end
    local key = path[i]
    local value = at[key]
    if value == nil and type(key) == "string" then value = at[tonumber(key) or key] end
    at = value
  end
  return at
end

-- `path`: the document, then keys: `"state.score.3"`, or as a list. Returns the way to stop.
function Documents:watch(path, fn)
  local keys = {}
  if type(path) == "string" then
    for key in path:gmatch("[^.]+") do keys[#keys + 1] = key end
  else
    for i, key in ipairs(path) do keys[i] = key end
  end
  local watcher = { path = keys, fn = fn }
  table.insert(self._watchers, watcher)
  return function()
    for i, other in ipairs(self._watchers) do
      if other == watcher then return table.remove(self._watchers, i) and nil end
    end
  end
end

return document
