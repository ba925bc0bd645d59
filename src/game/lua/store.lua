-- room.store: values under a key that outlive the room. Answers come later, to a function in game.answers by name, so
-- that a request can be saved while it waits and asked again by the room that is restored.

local host, trusted, run = ...
local fail, did_you_mean = trusted.fail, trusted.did_you_mean
local type, tostring, select, unpack, pairs, ipairs = type, tostring, select, unpack, pairs, ipairs
local sort = table.sort
-- A write is one row of a database that all rooms share.
local KEY_MAX, A_TICK_MAX, PENDING_MAX = 200, 64, 256

local pending, count, next_id = {}, 0, 1 -- id -> request
local asked = 0 -- in this tick

local store = {}

local function check(api, self, key, usage)
  if self ~= store.object then fail("%s: write %s(%s), with a colon", api, api, usage) end
  if type(key) ~= "string" or key == "" or #key > KEY_MAX then
    fail("%s: the key is a string of 1 to %d bytes", api, KEY_MAX)
  end
  if asked >= A_TICK_MAX then fail("%s: more than %d requests in one tick", api, A_TICK_MAX) end
  asked = asked + 1
end

local function raise(api, problem)
  if problem then fail("%s: %s", api, problem) end
end

local function answer_of(name)
  local known = run.game.answers
  return type(known) == "table" and known[name] or nil
end

store.object = run.guarded("room.store", {
  get = function(self, key, name, ...)
    check("room.store:get", self, key, "key, answer")
    if not answer_of(name) then
      local known = run.game.answers
      fail("room.store:get: there is no game.answers.%s%s", tostring(name),
        type(known) == "table" and did_you_mean(name, run.sorted_keys(known)) or "")
    end
    if count >= PENDING_MAX then fail("room.store:get: %d requests wait already, the limit of a room", PENDING_MAX) end
    raise("room.store:get", host.store_get(next_id, key))
    pending[next_id] = { id = next_id, key = key, name = name, n = select("#", ...), args = { ... } }
    next_id, count = next_id + 1, count + 1
  end,
  set = function(self, key, value)
    check("room.store:set", self, key, "key, value")
    if value == nil then fail("room.store:set: there is no value; room.store:delete(key) takes a key away") end
    raise("room.store:set", host.store_set(key, value))
  end,
  delete = function(self, key)
    check("room.store:delete", self, key, "key")
    raise("room.store:delete", host.store_set(key, nil))
  end,
}, function() fail("room.store can not be changed; write room.store:set(key, value)") end)

-- A new tick: the limit starts over.
function store.begin() asked = 0 end

-- An answer whose argument has gone meanwhile goes nowhere.
function store.answer(id, value)
  local request = pending[id]
  if not request then return end
  pending[id] = nil
  count = count - 1
  for i = 1, request.n do
    if run.is_gone(request.args[i]) then return end
  end
  local f = answer_of(request.name)
  if f then f(run.room, value, unpack(request.args, 1, request.n)) end
end

-- Those that wait, and the number of the next.
function store.save()
  local list = {}
  for _, request in pairs(pending) do list[#list + 1] = request end
  sort(list, function(a, b) return a.id < b.id end)
  return list, next_id
end

function store.restore(list, next_one)
  for _, request in ipairs(list or {}) do
    local sound = type(request.id) == "number" and request.id >= 1 and type(request.key) == "string"
    if sound and answer_of(request.name) and count < PENDING_MAX and not host.store_get(request.id, request.key) then
      request.args = request.args or {}
      pending[request.id], count = request, count + 1
    else
      run.dropped("a request to room.store", "there is no game.answers." .. tostring(request.name))
    end
  end
  next_id = next_one or next_id
end

run.room_values.store = store.object
run.engine.answer = store.answer
return store
