-- What `airboat.connect` returns: a server, the way to it, and the room one is in.

local address = require "airboat.address"
local clock = require "airboat.clock"
local errors = require "airboat.errors"
local events = require "airboat.events"
local identity = require "airboat.identity"
local ladder = require "airboat.ladder"
local room = require "airboat.room"
local session = require "airboat.session"
local timers = require "airboat.timers"

local client = { VERSION = "0.1.0" }

local failure = errors.failure
local TEND_MS = 250
-- A pause of the game after which nothing measured before counts.
local GAP_MS = 1000
local FETCH_S = 8
-- After close, what was said last still has to leave.
local LAST_MS = 500
local QUICK_TRIES = 3

---@class airboat.RoomSummary
---@field module string
---@field room string
---@field players integer
---@field seats integer

---@class airboat.JoinOptions
---@field password string|nil
---@field kind "player"|"spectator"|"screen"|nil

---@class airboat.Client
---@field status "connecting"|"online"|"reconnecting"|"offline"
---@field room airboat.Room|nil The room one is in.
---@field rooms airboat.RoomSummary[] What the last `list` brought.
---@field rtt number Round trip in milliseconds, smoothed.
---@field jitter number How late snapshots come, in milliseconds: 19 of 20 are better.
---@field transport "webtransport"|"websocket"|"http"|nil How the link travels, while there is one.
---@field dropped integer WebTransport: datagrams that the page and the game left out between them, as too many waited.
local Client = {}
Client.__index = Client

-- `opts`: url, name, profile, transport, debug_hash, as in `airboat.connect`; `platform`: see platform/defold.lua. Returns
-- nil and an error for an address that is none.
function client.new(opts, platform)
  local place, problem = address.parse(opts.url, platform.secure_page())
  if not place then return nil, failure(errors.BAD_URL, problem) end
  local self = setmetatable({
    status = "offline", room = nil, rooms = {}, rtt = 0, jitter = 0, transport = nil, dropped = 0,
    _platform = platform, _address = place, _now = platform.now, _listeners = events.listeners(), _clock = clock.new(),
    _tended = 0, _queue = {}, _busy = false,
  }, Client)
  events.report = platform.report
  self._timers = timers.new(platform.now)
  self._ladder = ladder.new(platform, self._timers, place, opts.transport or "auto")
  self._identity = identity.new(platform, place.host, opts.profile or "")
  self._session = session.new({
    name = opts.name or "", client = "airboat-defold/" .. client.VERSION, debug_hash = opts.debug_hash, now = platform.now,
    random = platform.random, timers = self._timers, ladder = self._ladder, identity = self._identity,
    report = platform.report,
  }, self:_ears())
  self._last_update = platform.now()
  return self
end

-- What the session tells.
function Client:_ears()
  local function with_room(method)
    return function(...)
      if self.room then self.room[method](self.room, ...) end
    end
  end
  return {
    status = function(status, err) self:_status(status, err) end,
    joined = function(answer) self:_joined(answer) end,
    resumed = function(how, lost)
      if how == "replayed" and self.room then self.room:_resumed() end
      self._listeners:tell("resumed", { how = how, messages_lost = lost })
    end,
    left = function(err)
      local left = self.room
      self.room = nil
      if not left then return end
      left:_over()
      self._listeners:tell("left", err, left)
    end,
    message = with_room("_message"), document = with_room("_document"), hash = with_room("_hash"),
    snapshot = with_room("_snapshot"),
    pong = function(sent, tick, age_us)
      local rate = self.room and self.room.schema.tick_rate or 1
      self._clock:answered(sent, self._now(), tick, age_us, rate)
      self.rtt = self._clock.rtt
    end,
    tick = function() return self.room and self.room.tick or 0 end,
  }
end

function Client:_joined(answer)
  if self.room then self.room:_restart(answer)
  else
    self.room = room.new(answer, self._session, self._platform, function() self:_called() end)
  end
  self._clock:reset()
  self._clock:hint(answer.tick, self.room.schema.tick_rate, self._now())
end

function Client:_status(status, err)
  self.transport = self._session.link and self._session.link.transport or nil
  if status == self.status then return end
  self.status = status
  self._listeners:tell("status", status, err)
end

-- Rooms -----------------------------------------------------------------------------------------------------------------

-- One join at a time: the others wait.
function Client:_queued(act)
  if self._closed then return act(function() end) end
  self._queue[#self._queue + 1] = act
  if self._busy then return end
  self._busy = true
  local function next_one()
    local first = table.remove(self._queue, 1)
    if not first then
      self._busy = false
      return
    end
    first(next_one)
  end
  next_one()
end

-- Asked in an update, as everything: see links/http.lua. Ends always.
function Client:_get(path, finish)
  local limit
  local function once(value, err)
    if not limit then return end
    self._timers:cancel(limit)
    limit = nil
    finish(value, err)
  end
  limit = self._timers:after((FETCH_S + 1) * 1000, function() once(nil, failure(errors.TIMEOUT)) end)
  self._timers:after(0, function()
    self._platform.get(self._address.http .. "api/v1/" .. path, FETCH_S, function(status, body)
      local value = status == 200 and self._platform.json(body)
      if type(value) == "table" then return once(value) end
      once(nil, failure(errors.UNREACHABLE, status ~= 0 and "the server answered " .. status or nil))
    end)
  end)
end

function Client:_join(module, name, opts, finish)
  if self._closed then return finish(nil, failure(errors.CLOSED)) end
  if name == "" then
    return self:_get("name?module=" .. address.escape(module), function(answer, err)
      if err then return finish(nil, err) end
      self:_join(module, tostring(answer.room), opts, finish)
    end)
  end
  local request = { module = module, room = name, password = opts.password, kind = opts.kind }
  self._session:join(request, function(err)
    if err then finish(nil, err) else finish(self.room) end
  end)
end

-- The arguments of join and its like: (module [, name] [, opts] [, callback]).
local function arguments(name, opts, callback)
  if type(name) == "function" then return "", {}, name end
  if type(name) == "table" then return "", name, type(opts) == "function" and opts or callback end
  if type(opts) == "function" then return name or "", {}, opts end
  return name or "", opts or {}, callback
end

---Enters a room, opening it if there is none of this name; without a name, a free one that is easy to say. When the
---callback runs, `room.state` is complete. Without a callback a coroutine waits for it.
---@param module string
---@param name string|nil
---@param opts airboat.JoinOptions|nil
---@param callback fun(room: airboat.Room|nil, err: airboat.Error|nil)|nil
---@return airboat.Room|nil room
---@return airboat.Error|nil err
---@overload fun(self: airboat.Client, module: string, name: string, callback: fun(room: airboat.Room|nil, err: airboat.Error|nil))
---@overload fun(self: airboat.Client, module: string, callback: fun(room: airboat.Room|nil, err: airboat.Error|nil))
function Client:join(module, name, opts, callback)
  name, opts, callback = arguments(name, opts, callback)
  self:_called()
  return events.async(callback, function(finish)
    self:_queued(function(after)
      self:_join(module, name:match("^%s*(.-)%s*$"), opts, function(joined, err)
        finish(joined, err)
        after()
      end)
    end)
  end)
end

---Watches a room without a player's seat: `join` with `kind = "spectator"`.
---@param module string
---@param name string
---@param opts airboat.JoinOptions|nil
---@param callback fun(room: airboat.Room|nil, err: airboat.Error|nil)|nil
---@return airboat.Room|nil room
---@return airboat.Error|nil err
function Client:spectate(module, name, opts, callback)
  name, opts, callback = arguments(name, opts, callback)
  return self:join(module, name, { password = opts.password, kind = "spectator" }, callback)
end

-- Rooms with a free seat, the fullest first: company is what people come for.
local function open_rooms(rooms, most)
  local open = {}
  for _, each in ipairs(rooms) do
    if each.players < math.min(each.seats, most or each.seats) then open[#open + 1] = each end
  end
  table.sort(open, function(a, b)
    if a.players ~= b.players then return a.players > b.players end
    return a.room < b.room
  end)
  return open
end

---Enters any room with a free seat, or a new one.
---@param module string
---@param opts {max?: integer}|fun(room: airboat.Room|nil, err: airboat.Error|nil)|nil `max`: no room with that many players.
---@param callback fun(room: airboat.Room|nil, err: airboat.Error|nil)|nil
---@return airboat.Room|nil room
---@return airboat.Error|nil err
function Client:quick(module, opts, callback)
  if type(opts) == "function" then opts, callback = nil, opts end
  opts = opts or {}
  self:_called()
  return events.async(callback, function(finish)
    self:list(module, function(rooms, err)
      if err then return finish(nil, err) end
      local open, n = open_rooms(rooms, opts.max), 0
      local function try()
        n = n + 1
        local at = open[n]
        self:join(module, n <= QUICK_TRIES and at and at.room or "", opts, function(joined, problem)
          -- Somebody was quicker, or it asks for a password: the next.
          if problem and problem.code >= errors.LEFT and problem.code < errors.UNREACHABLE and at and n <= QUICK_TRIES then
            return try()
          end
          finish(joined, problem)
        end)
      end
      try()
    end)
  end)
end

---The open rooms of a module, or of all.
---@param module string|fun(rooms: airboat.RoomSummary[]|nil, err: airboat.Error|nil)|nil
---@param callback fun(rooms: airboat.RoomSummary[]|nil, err: airboat.Error|nil)|nil
---@return airboat.RoomSummary[]|nil rooms
---@return airboat.Error|nil err
function Client:list(module, callback)
  if type(module) == "function" then module, callback = nil, module end
  self:_called()
  return events.async(callback, function(finish)
    self:_get(module and "rooms?module=" .. address.escape(module) or "rooms", function(answer, err)
      if err then return finish(nil, err) end
      self.rooms = answer.rooms or {}
      finish(self.rooms)
    end)
  end)
end

---Listens to `"status"` (status, err), `"left"` (err, room) or `"resumed"` (`{how = "replayed" or "joined",
---messages_lost}`).
---@param event "status"|"left"|"resumed"
---@param fn fun(first: any, second: any)
---@return fun() stop
function Client:on(event, fn)
  if event ~= "status" and event ~= "left" and event ~= "resumed" then
    error('airboat: client:on knows "status", "left" and "resumed"; messages are the room\'s: room:on(name, fn)', 2)
  end
  return self._listeners:add(event, fn)
end

---Seconds on the room's clock: what `room.time` is in the module, with its fraction.
---@return number
function Client:server_time() return self._clock:at(self._now()) / 1000 end

-- Time ------------------------------------------------------------------------------------------------------------------

---Does what is due. Called every frame by itself, unless `connect` was told `drive = false`.
function Client:update()
  local now = self._now()
  local gap = now - self._last_update
  self._last_update, self._suspect = now, nil
  if gap > GAP_MS then self:_paused(gap) end
  self._timers:run()
  if now - self._tended >= TEND_MS then
    self._tended = now
    self._session:tend()
    self:_probe(now)
  end
  local at = self.room
  if at then
    at:_update(now)
    self.jitter = at.playout.late * 1000 / at.schema.tick_rate
  end
  local link = self._session.link
  self.transport, self.dropped = link and link.transport or nil, link and link.dropped or 0
end

-- The game stood still: a phone asleep, a page in the background, a window being dragged.
function Client:_paused(gap)
  self._timers:shift(gap)
  self._session:wake()
  if self.room then self.room:_resync() end
end

function Client:_probe(now)
  if self.transport ~= "http" or not self._session:is_open() then return end
  self._ladder:probe(now, function(link) self._session:switch(link) end)
end

---Tell it when the game gets or loses the focus, from your `window.set_listener`: it comes back at once.
---@param focused boolean
function Client:on_focus(focused)
  if focused then self._session:wake() else self._session:ping() end
end

-- Who calls while nothing updates us, and did so a while ago, belongs to a game that runs: then the script that drove
-- us is gone, and its sockets are deaf with it.
function Client:_called()
  local now = self._now()
  if self._warned or not self._driven or now - self._last_update < 2000 then return end
  if not self._suspect then
    self._suspect = now
  elseif now - self._suspect > 500 then
    self._warned = true
    self._platform.report("airboat: the script that called airboat.connect was deleted, and with it the connection; "
      .. "connect from your bootstrap collection")
  end
end

---Gives up the seat and ends everything.
function Client:close()
  if self._closed then return end
  self._closed = true -- joins that wait end, too
  self._session:close()
  self._identity.token = nil
  self._timers:after(LAST_MS, function()
    if self._stop then self._stop() end
  end)
  if self._forget then self._forget() end
end

return client
