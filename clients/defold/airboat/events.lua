-- Calling the game's code: listeners, and asynchronous calls that end in a callback or, inside a coroutine, in a return.

local events = {}

-- Where errors of the game's code go; the platform puts its own in place.
events.report = function(text) print(text) end

local function traceback(message)
  if type(message) ~= "string" then message = tostring(message) end
  return debug.traceback(message, 2)
end

-- xpcall of Lua 5.1 passes no arguments on; a closure for each call would be garbage.
local fn_, a_, b_, c_
local function call() return fn_(a_, b_, c_) end

-- Runs a listener. One that raises is reported and hurts nobody else.
function events.guarded(fn, a, b, c)
  fn_, a_, b_, c_ = fn, a, b, c
  local ok, message = xpcall(call, traceback)
  if not ok then events.report("airboat: error in a callback: " .. message) end
end

-- Listeners -----------------------------------------------------------------------------------------------------------

local Listeners = {}
Listeners.__index = Listeners

function events.listeners() return setmetatable({ _lists = {} }, Listeners) end

-- Returns the way to take it back.
function Listeners:add(event, fn)
  -- A list that is being told stays as it is: changes make a new one.
  local list = {}
  for i, other in ipairs(self._lists[event] or list) do list[i] = other end
  list[#list + 1] = fn
  self._lists[event] = list
  return function()
    local rest, found = {}, false
    for _, other in ipairs(self._lists[event] or rest) do
      if other == fn and not found then found = true else rest[#rest + 1] = other end
    end
    self._lists[event] = rest[1] and rest or nil
  end
end

function Listeners:tell(event, a, b, c)
  local list = self._lists[event]
  if not list then return end
  for i = 1, #list do events.guarded(list[i], a, b, c) end
end

-- Asynchronous calls ----------------------------------------------------------------------------------------------------

local function resume(co)
  local ok, message = coroutine.resume(co)
  if not ok then events.report("airboat: error in a coroutine: " .. debug.traceback(co, tostring(message))) end
end

-- Runs `start(finish)`, which calls `finish(value, err)` once, now or later. With a callback that gets them; without, a
-- coroutine waits and returns them; elsewhere nobody wants to know. The coroutine's code never runs under a pcall of
-- ours: plain Lua 5.1 could not yield through it.
function events.async(callback, start)
  if callback then
    return start(function(value, err) events.guarded(callback, value, err) end)
  end
  local co = coroutine.running()
  if not co then return start(function() end) end
  local done, waiting, value, err = false, false, nil, nil
  start(function(v, e)
    done, value, err = true, v, e
    if waiting then resume(co) end
  end)
  waiting = true
  -- Somebody else may resume it meanwhile.
  while not done do coroutine.yield() end
  return value, err
end

-- Runs `fn` in a coroutine of its own.
function events.run(fn, ...)
  local args, n = { ... }, select("#", ...)
  resume(coroutine.create(function() return fn(unpack(args, 1, n)) end))
end

return events
