-- A room as the game sees it: state, players, entities, messages, inputs.

local document = require "airboat.document"
local events = require "airboat.events"
local feed = require "airboat.feed"
local inbox = require "airboat.inbox"
local msgpack = require "airboat.msgpack"

local room = {}

local CALL_S = 30

---@class airboat.Player A seat as everybody sees it.
---@field name string
---@field kind "player"|"spectator"|"screen"
---@field role string The module's own word.
---@field bot boolean No person plays.
---@field connected boolean
---@field state table What the module shows of this player.

---@class airboat.Room
---@field name string As it was first typed.
---@field module string
---@field title string
---@field me string Your player's id: `room.players[room.me]`.
---@field state table The module's `room.state`: the same table for ever, changed in place.
---@field players table<string, airboat.Player> By id; each player stays the same table.
---@field secret table What only you see.
---@field schema airboat.Schema What the module declares.
---@field tick integer The newest tick known.
---@field view_tick number The tick being shown, with its fraction.
---@field own_tick number The tick that what you do now will be in; your own shots are shown at it.
---@field playout {delay: number, late: number, counts: table} The interpolation, in ticks.
---@field report airboat.Report What the newest snapshot said about your inputs.
---@field hashes {right: integer, wrong: integer} Of `debug_hash`: how many agreed with the server's.
---@field open boolean False once you are out of it.
local Room = {}
Room.__index = Room
feed.extend(Room)

-- Of the library: `answer` is the join answer; `called()` is told whenever the game wants something.
function room.new(answer, session, platform, called)
  local self = setmetatable({
    name = answer.room, module = answer.module, title = "", me = "", open = true, tick = 0, view_tick = 0, own_tick = 0,
    hashes = { right = 0, wrong = 0 },
    _called = called, _session = session, _platform = platform, _now = platform.now, _listeners = events.listeners(),
    _crowds = events.listeners(), _inboxes = {}, _unacked = 0, _heard = 0, _applied = 0,
    _world_hashes = {}, _schema_text = "",
    -- Messages that came with the join answer wait until the game has had its turn to listen.
    _early = {}, _followers = {},
  }, Room)
  self._documents = document.new(events.guarded)
  self.state, self.players, self.secret = self._documents.state, self._documents.players, self._documents.secret
  self:_restart(answer)
  return self
end

-- State ---------------------------------------------------------------------------------------------------------------

---Calls back after each change at, above or below a path, with what stands there then. A path begins with the document:
---`"players"`, `"state.score.3"`, or as a list of keys.
---@param path string|(string|integer)[]
---@param fn fun(value: any)
---@return fun() stop
function Room:watch(path, fn) return self._documents:watch(path, fn) end

---The entities of a class being shown, by id: the same table for ever.
---@param class string
---@return table<integer, airboat.Entity>
function Room:entities(class)
  local map = self._mirror:entities(class)
  if not map then error(("airboat: %s has no entity class %s"):format(self.module, tostring(class)), 2) end
  return map
end

---Your entity of a class, as soon as it is known.
---@param class string
---@return airboat.Entity|nil
function Room:own(class)
  self:entities(class)
  return self._mirror:own(class)
end

---The entity a message or document names, or nil when it is not there (yet, or any more).
---@param ref airboat.EntityRef|integer|nil
---@return airboat.Entity|nil
function Room:entity(ref)
  if type(ref) == "table" then ref = ref.id end
  return ref and self._mirror:entity(ref)
end

---The player a message, a document or `entity.owner` names.
---@param ref airboat.PlayerRef|string|nil
---@return airboat.Player|nil
function Room:player(ref)
  if type(ref) == "table" then ref = ref.id end
  return ref and self.players[ref]
end

-- Messages --------------------------------------------------------------------------------------------------------------

---Sends a message: reliable and in order, over reconnects too.
---@param name string
---@param data any
---@return boolean taken False when you are out of the room or too much waits already.
function Room:send(name, data)
  self._called()
  return self.open and self._session:send(name, data)
end

---Asks the room; ends with what its handler returned, or with an error. Without a callback a coroutine waits for it.
---@param name string
---@param data any
---@param opts {timeout?: number}|fun(data: any, err: airboat.Error|nil)|nil Seconds; 30 when left out.
---@param callback fun(data: any, err: airboat.Error|nil)|nil
---@return any data
---@return airboat.Error|nil err
function Room:call(name, data, opts, callback)
  if type(opts) == "function" then opts, callback = nil, opts end
  self._called()
  local timeout = opts and opts.timeout or CALL_S
  return events.async(callback, function(finish) self._session:call(name, data, timeout * 1000, finish) end)
end

---Listens to a message of the room, or to entities of a class: `room:on("spawn", "tank", fn)`, `room:on("despawn", …)`.
---`spawn` is called at once for those that are there.
---@param event string
---@param second string|fun(data: any, tick: integer)
---@param third fun(entity: airboat.Entity)|nil
---@return fun() stop
function Room:on(event, second, third)
  if type(second) == "function" then return self._listeners:add(event, second) end
  if (event ~= "spawn" and event ~= "despawn") or type(third) ~= "function" then
    error('airboat: room:on(message, fn) or room:on("spawn" or "despawn", class, fn)', 2)
  end
  local there = {}
  for _, entity in pairs(self:entities(second)) do there[#there + 1] = entity end
  table.sort(there, function(a, b) return a.id < b.id end)
  for _, entity in ipairs(event == "spawn" and there or {}) do events.guarded(third, entity) end
  return self._crowds:add(event .. " " .. second, third)
end

---Collects messages for a script to fetch in its own `update`, where `go` and `gui` calls work. A name may also be
---`"spawn tank"` or `"despawn tank"`. Close it in `final`.
---@param ... string
---@return airboat.Inbox
function Room:inbox(...)
  local box = inbox.new(self, { ... })
  self._inboxes[#self._inboxes + 1] = box
  return box
end

---Posts messages of these names to a script, as `{data =, tick =}`; what does not fit into 2 kB comes as `{large = true}`.
---@param url any What `msg.url()` returns.
---@param ... string
---@return fun() stop
function Room:post_to(url, ...)
  local stops = {}
  for i, name in ipairs { ... } do
    stops[i] = self._listeners:add(name, function(data, tick)
      if not self._platform.post_message(url, name, { data = data, tick = tick }) then
        self._platform.post_message(url, name, { large = true, tick = tick })
      end
    end)
  end
  return function()
    for _, stop in ipairs(stops) do stop() end
  end
end

-- Phases: see `room.state.phase`.

---Says that you are ready, or are not any more, where a phase waits for that.
---@param value boolean|nil
---@return boolean taken
function Room:ready(value) return self:send("ready", value == nil or value) end

---The host's: begin.
---@return boolean taken
function Room:start() return self:send("start") end

---That you are done, where a phase lets players say so themselves.
---@return boolean taken
function Room:done() return self:send("done") end

-- Inputs ----------------------------------------------------------------------------------------------------------------

---What is held from now on; fields not named stay as they are. Sent once a tick.
---@param values table<string, number|boolean|string>
function Room:input(values)
  self._called()
  self._inputs:set(values)
  local now = self._now()
  self._beat:start(now)
  for _, follower in ipairs(self._followers) do follower:_hold(values, now) end
end

---A press: an edge, never doubled, and made up for when a link breaks with it. While there is no link three may wait.
---@param name string
function Room:press(name)
  self._called()
  self._inputs:press(name)
  self._beat:start(self._now())
end

---Gives the seat back.
---@param callback fun()|nil
function Room:leave(callback)
  return events.async(callback, function(finish)
    if not self.open then return finish(true) end
    self._session:leave(function() finish(true) end)
  end)
end

return room
