-- Somebody who plays: an app whose bootstrap script connects, and what the library told it.

local Player = {}
Player.__index = Player

-- options: url, name, transport, profile (of the library), app or engine (options of a new one), debug_hash (true unless
-- said otherwise). Plays at `server` where there is no url.
local function new(world, options, server)
  options = options or {}
  local url = options.url or server and server:url()
  local app = options.app or world:app(options.engine)
  local player = setmetatable({
    world = world, app = app, name = options.name or "ann", statuses = {}, resumed = {}, left = {}, heard = {}, joins = {},
  }, Player)
  player.script = app:script({
    init = function()
      player.airboat = app.globals.require "airboat.airboat"
      player.client, player.refused = player.airboat.connect(url, {
        name = player.name, transport = options.transport, profile = options.profile, debug_hash = options.debug_hash ~= false,
      })
      if not player.client then return end
      player.client:on("status", function(status, err) table.insert(player.statuses, { status, err }) end)
      player.client:on("resumed", function(what) table.insert(player.resumed, what) end)
      player.client:on("left", function(err) table.insert(player.left, err or {}) end)
    end,
  }, options.id or "/network" .. #app.scripts)
  return player
end

-- As the script that connected.
function Player:act(fn, ...) return self.app:as(self.script, fn, ...) end

-- Collects messages of this name in `heard`.
function Player:listen(name)
  self.heard[name] = self.heard[name] or {}
  self.room:on(name, function(data) table.insert(self.heard[name], data) end)
end

-- Asks, and does not wait. `self.joined` counts answers.
function Player:ask(module, room, options)
  self:act(function()
    self.client:join(module, room, options or {}, function(joined, err)
      local join = { room = joined, err = err }
      if joined then
        -- What has to be there before this callback runs.
        join.me = joined.players[joined.me]
        join.state = joined.state
        join.chats = joined.state.chats
        self.room = joined
        if not self.listening then
          self.listening = true
          self:listen("chat")
        end
      end
      table.insert(self.joins, join)
    end)
  end)
end

-- Joins and waits until it is in.
function Player:join(module, room, options)
  local before = #self.joins
  self:ask(module, room, options)
  self.world:wait(self.name .. " to join " .. room, function() return #self.joins > before end)
  local join = self.joins[#self.joins]
  if join.err then error(self.name .. " could not join: " .. join.err.code .. " " .. tostring(join.err.message), 2) end
  return join
end

function Player:chats()
  local texts = {}
  for n, data in ipairs(self.heard.chat or {}) do texts[n] = data.text end
  return texts
end

function Player:say(text)
  return self:act(function() return self.room:send("chat", { text = text }) end)
end

-- The entity that is ours.
function Player:own(class)
  for _, entity in pairs(self.room:entities(class)) do
    if entity.owner == self.room.me then return entity end
  end
end

function Player:count(class)
  local n = 0
  for _ in pairs(self.room:entities(class)) do n = n + 1 end
  return n
end

-- The network is gone, until `online`.
function Player:offline()
  self.app.offline = true
  return self.app:cut()
end

function Player:online() self.app.offline = nil end

function Player:status() return self.client.status end

return { new = new }
