-- What the client feeds a room with: join answers, snapshots, messages, documents, hashes, and time.

local beat = require "airboat.beat"
local frames = require "airboat.frames"
local hash = require "airboat.hash"
local inputs = require "airboat.inputs"
local mirror = require "airboat.mirror"
local playout = require "airboat.playout"
local schema = require "airboat.schema"

local feed = {}

local EARLY_MAX = 256
-- An acknowledgement may have been lost, and with it all snapshots to come.
local QUIET_MS = 500
local HASH_EVERY = 30

local Feed = {}

-- Gives a room these methods.
function feed.extend(room)
  for name, method in pairs(Feed) do room[name] = method end
end

-- Join answers ----------------------------------------------------------------------------------------------------------

-- Another version of the module: its entities and inputs are others.
function Feed:_declare(new)
  if self._mirror then self._mirror:clear() end
  self.schema, self._schema_text = new, new.text
  self.playout, self._ahead = playout.new(new.tick_rate), playout.steady()
  self._mirror = mirror.new(new, function(event, entity) self:_crowd(event, entity) end)
  self.report = self._mirror.report
  local held = self._inputs
  self._inputs = inputs.new(new.inputs)
  if held and held.active then self._inputs:adopt(held) end
  self._beat = beat.new(1000 / new.tick_rate)
  if self._inputs.active then self._beat:start(self._now()) end
end

-- The first join answer or a later one.
function Feed:_restart(answer)
  self.me, self.title = answer.player, answer.title
  local new = schema.read(answer.schema)
  if new.text ~= self._schema_text then self:_declare(new) end
  self.playout:reset()
  self._ahead:reset()
  self._beat:restart()
  self._world_hashes = {}
  self._mirror.me = self.me
  self._inputs:restart(answer.input, answer.epoch == self._epoch)
  self._epoch = answer.epoch
  self._documents:restart(answer.documents)
  self._mirror:restart(answer.epoch, answer.tick, answer.snapshot, (answer.input - 1) % 4294967296)
  self.tick = answer.tick
  self.playout:arrived(answer.tick, self._now())
  self._applied = self.report.applied
  self._unacked = 0
  self._heard = self._now()
  self:_remember()
  for _, follower in ipairs(self._followers) do follower:_restart(self._applied) end
end

-- The link is back. What of the inputs on their way had come nobody knows, so those with presses are sent again: the room
-- drops the numbers that it has.
function Feed:_resumed()
  local session, made = self._session, self._inputs
  for _, input in ipairs(made.kept) do
    self._beat:forget(input.number)
    session.link:send(made:frame(session.epoch, self.tick, self.view_tick, input))
  end
end

-- Whoever follows the inputs and what becomes of them: airboat/own.lua does. Returns the way to stop.
function Feed:_follow(follower)
  table.insert(self._followers, follower)
  follower:_restart(self._applied)
  return function()
    for i, other in ipairs(self._followers) do
      if other == follower then return table.remove(self._followers, i) and nil end
    end
  end
end

-- Snapshots -------------------------------------------------------------------------------------------------------------

function Feed:_snapshot(frame)
  local link = self._session.link
  local tick = self._mirror:apply(frame, link and link.datagrams)
  if not tick then return end
  local now = self._now()
  self._heard, self.tick = now, tick
  self.playout:arrived(tick, now)
  local report = self.report
  local polled = link and link.transport == "http"
  -- Polling has no moment of arrival worth aiming at.
  if report.applied ~= self._applied and not polled then self._beat:note(report.applied, report.slack) end
  self._applied = report.applied
  self._inputs:applied(report.applied)
  -- Inputs acknowledge too; polls carry their own acknowledgement.
  self._unacked = self._unacked + 1
  if self._unacked >= 2 and not polled then self:_ack() end
  self:_remember()
  for i = 1, #self._followers do self._followers[i]:_snapshot(now) end
end

function Feed:_ack()
  self._unacked = 0
  local link = self._session.link
  if link and not self._mirror.broken then link:send(frames.ack(self._session.epoch, self.tick), true) end
end

-- Messages --------------------------------------------------------------------------------------------------------------

function Feed:_message(name, data, tick)
  local early = self._early
  if early and #early < EARLY_MAX then
    early[#early + 1] = { name, data, tick }
    return
  end
  self:_tell_early()
  self:_tell(name, data, tick)
end

function Feed:_tell_early()
  local early = self._early
  if not early then return end
  self._early = nil
  for _, message in ipairs(early) do self:_tell(message[1], message[2], message[3]) end
end

function Feed:_tell(name, data, tick)
  local boxes = self._inboxes
  for i = 1, #boxes do boxes[i]:_put(name, data, tick) end
  self._listeners:tell(name, data, tick)
end

function Feed:_crowd(event, entity)
  local name = event .. " " .. entity.class
  local boxes = self._inboxes
  for i = 1, #boxes do boxes[i]:_put(name, entity, self.tick) end
  self._crowds:tell(name, entity)
end

function Feed:_document(name, operations) self._documents:patch(name, operations) end

-- Hashes ----------------------------------------------------------------------------------------------------------------

-- The hash of a tick is taken when the state stands there.
function Feed:_remember()
  if not self._hashing or self.tick % HASH_EVERY ~= 0 then return end
  local waiting = self._world_hashes[self.tick]
  if waiting == false then return end
  local own = not self.report.partial and hash.world(self._mirror.world) or false
  if waiting and own then self:_judge(waiting == own) end
  self._world_hashes = { [self.tick] = not waiting and own or nil }
end

function Feed:_hash(tick, world, documents)
  self._hashing = true
  self:_judge(documents == hash.documents(self.state, self.players))
  if tick > self.tick then
    self._world_hashes[tick] = world
  else
    local own = self._world_hashes[tick]
    if tick == self.tick and own == nil and not self.report.partial then own = hash.world(self._mirror.world) end
    if own then self:_judge(own == world) end
  end
end

function Feed:_judge(right)
  local key = right and "right" or "wrong"
  self.hashes[key] = self.hashes[key] + 1
end

-- Time ------------------------------------------------------------------------------------------------------------------

-- Every frame.
function Feed:_update(now)
  self:_tell_early()
  if self._beat:frame(now) then self:_send_input(now) end
  self.view_tick = self.playout:at(now)
  self.own_tick = self:_own_tick(now)
  self._mirror:advance(self.view_tick, self.own_tick)
  local link = self._session.link
  if now - self._heard > QUIET_MS and self._session:is_open() and link and link.transport ~= "http" then
    self._heard = now
    self:_ack()
  end
end

function Feed:_send_input(now)
  local session, made, pace = self._session, self._inputs, self._beat
  if not session.link or not session:is_open() or not made.active then return pace:pause(now) end
  local values = self._followers[1] and {} or nil
  made:sample(values)
  self._unacked = 0
  -- Three repeats make up for one that is lost; a press should not depend on them.
  session.link:send(made:frame(session.epoch, self.tick, self.view_tick), not made.pressed)
  pace:sent(made.newest, now)
  for i = 1, #self._followers do self._followers[i]:_input(made.newest, values, pace.last) end
end

-- Of who plays nothing it is the view's.
function Feed:_own_tick(now)
  if not self._inputs.active then return self.view_tick end
  local rate = self.schema.tick_rate / 1000
  local since = math.min(1.5, (now - self._beat.last) * rate)
  return self._ahead:at(self.tick + self._inputs.newest - self.report.applied + since, now * rate)
end

-- After a pause of the game: what was measured before it says nothing any more.
function Feed:_resync()
  self.playout:reset()
  self.playout:arrived(self.tick, self._now())
  self:_ack()
end

function Feed:_over()
  self.open = false
end

return feed
