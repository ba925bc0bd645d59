-- Timers: room:after and room:cancel. A timer is a number to module code, so that it can be kept in memory and saved.

local _, trusted, run = ...
local fail, did_you_mean = trusted.fail, trusted.did_you_mean
local type, tostring, select, unpack, pairs, ipairs = type, tostring, select, unpack, pairs, ipairs
local floor, huge, sort = math.floor, math.huge, table.sort
local TIMERS_MAX = trusted.limits.timers

local timers = {}
local waiting, count, next_id = {}, 0, 1 -- id -> timer
local buckets = {} -- tick -> list of timers, in the order of their making; cancelled ones stay until then
local due = nil

local function add(timer)
  local bucket = buckets[timer.at]
  if not bucket then
    bucket = {}
    buckets[timer.at] = bucket
  end
  bucket[#bucket + 1] = timer
  waiting[timer.id] = timer
  count = count + 1
end

function timers.after(_, seconds, name, ...)
  if type(seconds) ~= "number" or not (seconds >= 0 and seconds < huge) then
    fail("room:after: the first argument is a number of seconds; write room:after(seconds, name), with a colon")
  end
  if type(name) ~= "string" then
    fail('room:after: timers are named, so that they can be saved: write function game.timers.NAME and "NAME", not a %s',
      type(name))
  end
  local known = run.game.timers
  if type(known) ~= "table" or type(known[name]) ~= "function" then
    fail("room:after: there is no game.timers.%s%s", tostring(name),
      type(known) == "table" and did_you_mean(name, run.sorted_keys(known)) or "")
  end
  if count >= TIMERS_MAX then fail("room:after: %d timers wait already, the limit of a room", TIMERS_MAX) end
  local at = run.tick + floor(seconds * run.rate + 0.5)
  if at <= run.tick then at = run.tick + 1 end
  local id = next_id
  next_id = id + 1
  add { id = id, at = at, name = name, n = select("#", ...), args = { ... } }
  return id
end

-- True when it had not fired yet.
function timers.cancel(_, id)
  if type(id) ~= "number" then fail("room:cancel takes what room:after returned, a number; write room:cancel(timer)") end
  if not waiting[id] then return false end
  waiting[id] = nil
  count = count - 1
  return true
end

-- How many are due in this tick; the engine fires them one by one, each a callback of its own.
function timers.begin(now)
  due, buckets[now] = buckets[now], nil
  return due and #due or 0
end

function timers.fire(index)
  local timer = due[index]
  if not waiting[timer.id] then return end
  waiting[timer.id] = nil
  count = count - 1
  local args = timer.args
  for i = 1, timer.n do
    if run.is_gone(args[i]) then return end
  end
  local known = run.game.timers
  local f = known and known[timer.name]
  if f then f(run.room, unpack(args, 1, timer.n)) end
end

-- A list of those that wait, and the id of the next.
function timers.save()
  local list = {}
  for _, timer in pairs(waiting) do list[#list + 1] = timer end
  sort(list, function(a, b) return a.id < b.id end)
  return list, next_id
end

function timers.restore(list, next_timer)
  next_id = next_timer or 1
  for _, timer in ipairs(list or {}) do
    local known = run.game.timers
    if type(known) == "table" and type(known[timer.name]) == "function" then
      if timer.at <= run.tick then timer.at = run.tick + 1 end
      timer.args = timer.args or {}
      add(timer)
    else
      run.dropped("timer " .. tostring(timer.name), "there is no game.timers." .. tostring(timer.name))
    end
  end
end

run.room_values.after, run.room_values.cancel = timers.after, timers.cancel
run.engine.fire = timers.fire
return timers
