-- WebTransport, in a browser: one stream for what must arrive, datagrams for the rest. The page holds the session
-- (page.lua); one call a frame fetches what has come, and what we send is handed over at once.

local bytes = require "airboat.bytes"
local errors = require "airboat.errors"
local page = require "airboat.links.page"

local webtransport = {}

local CONNECT_MS = 8000
-- To ask the server where, and for which certificates.
local OFFER_S = 5
-- Longer datagrams vanish without a word.
local DATAGRAM_MAX = 1100

local Link = {}
Link.__index = Link
Link.transport = "webtransport"
-- Snapshots may be lost or overtake each other: acknowledgements decide what the next one is made against.
Link.datagrams = true

-- Where the server has it, and certificates to accept besides the real ones, as JavaScript; nil when it has it not.
local function target(offer)
  for _, each in ipairs(type(offer) == "table" and offer.transports or {}) do
    if each.name == "webtransport" and type(each.url) == "string" then
      local hashes = {}
      for n, hash in ipairs(offer.certificate_hashes or {}) do
        hashes[n] = page.literal(tostring(hash))
      end
      return page.literal(each.url) .. ", [" .. table.concat(hashes, ", ") .. "]"
    end
  end
end

-- `base`: `http(s)://host…/`, with the slash. Calls `asked()` when it is known where to connect to, and `ready(link)` once,
-- without a link when none could be had. Returns the way to give it up before.
function webtransport.dial(platform, timers, base, asked, ready)
  local link = setmetatable({
    _run = platform.javascript, _timers = timers, _over = false, _parts = {}, _held = 0, _needed = 4, dropped = 0,
  }, Link)
  local function failed()
    if link._over or link._open then return end
    timers:cancel(link._limit)
    link:close()
    ready(nil)
  end
  local function opened()
    link._open = true
    timers:cancel(link._limit)
    ready(link)
  end
  -- Asked anew each time, because certificates change; and in an update, as everything: see http.lua.
  link._limit = timers:after(0, function()
    link._limit = timers:after(CONNECT_MS, failed)
    platform.get(base .. "api/v1/connect", OFFER_S, function(status, body)
      if link._over then return end
      local where = status == 200 and target(platform.json(body))
      link._number = where and tonumber(link._run("airboat1.open(" .. where .. ")"))
      if not link._number then return failed() end
      link._turn_code = "airboat1.turn(" .. link._number .. ")"
      link._each = function(kind, data) link:_record(kind, data) end
      asked()
      link:_turn(opened, failed)
    end)
  end)
  return failed
end

-- Every frame.
function Link:_turn(opened, failed)
  if self._over then return end
  local answer = self._run(self._turn_code) or "x"
  local state = answer:sub(1, 1)
  if state == "o" and not self._open then opened() end
  if self._open then page.records(answer, self._each) end
  if self._over then return end
  if state ~= "o" and state ~= "c" then
    if not self._open then return failed() end
    return self:_end()
  end
  self._timers:after(0, function() self:_turn(opened, failed) end)
end

function Link:_record(kind, data)
  if self._over then return end
  if kind == page.DATAGRAM then
    self.onframe(data)
  elseif kind == page.STREAM then
    local _, problem = errors.catch(self._take, self, data)
    if problem then self:_end() end
  elseif kind == page.DROPPED then
    self.dropped = self.dropped + bytes.read_u32(data, 1) + bytes.read_u32(data, 5)
  end
end

-- A piece of the stream. Pieces are put together only when a frame is whole.
function Link:_take(piece)
  local parts = self._parts
  parts[#parts + 1] = piece
  self._held = self._held + #piece
  if self._held < self._needed then return end
  local all = table.concat(parts)
  local at, needed = bytes.whole_frames(all, 1, function(frame)
    if not self._over then self.onframe(frame) end
  end)
  self._parts, self._held, self._needed = { all:sub(at) }, #all - at + 1, needed
end

-- What has not left yet is the page's to bound: it leaves out datagrams, and ends a stream that takes no more.
function Link:send(frame, may_be_lost)
  if self._over then return end
  local number = "airboat1.send(" .. self._number
  if may_be_lost and #frame <= DATAGRAM_MAX then
    self._run(number .. ", 0, " .. page.literal(frame) .. ")")
  else
    self._run(number .. ", 1, " .. page.literal(bytes.framed(frame)) .. ")")
  end
end

-- The last thing that can still be said: closing waits for it.
function Link:last(frame) self:send(frame) end

function Link:_end()
  self:close()
  self.onclosed()
end

function Link:close()
  if self._over then return end
  self._over = true
  if self._number then self._run("airboat1.close(" .. self._number .. ")") end
end

return webtransport
