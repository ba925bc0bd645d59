-- Which transport: in a browser WebTransport, and a little later beside it WebSocket; elsewhere WebSocket alone. HTTP
-- polling takes WebSocket's place after two failures or where there is none. Once on HTTP, WebSocket is tried beside it now
-- and then, and taken when it opens.

local http = require "airboat.links.http"
local page = require "airboat.links.page"
local websocket = require "airboat.links.websocket"
local webtransport = require "airboat.links.webtransport"

local ladder = {}

-- Failures before the hello's answer, after which the other rung is tried.
local STRIKES = 2
local FIRST_PROBE_MS, PROBE_MS = 3000, 30000
-- Where it opened and then said nothing, trying it again costs the player a pause.
local SPOILED_MS = 300000
-- How far WebTransport is ahead of WebSocket, and of HTTP, which works nearly everywhere and is the worst.
local NEXT_MS, LAST_MS = 300, 3000
-- What asking for certificates may take before the next rung is tried all the same.
local OFFER_MS = 1000
-- How long WebTransport may go on alone when what was tried beside it has failed.
local ALONE_MS = 3000

local Ladder = {}
Ladder.__index = Ladder

-- `address`: see address.lua. `wish`: "auto", "webtransport", "websocket" or "http"; where there is no such transport, what
-- there is.
function ladder.new(platform, timers, address, wish)
  local self = setmetatable({
    _platform = platform, _timers = timers, _address = address, _strikes = 0, _falls = 0, _fair_from = 0,
  }, Ladder)
  self._webtransport = (wish == "auto" or wish == "webtransport") and page.has_webtransport(platform)
  self._only = self._webtransport and wish == "webtransport"
  self._websocket = wish ~= "http" and not self._only and platform.has_websocket()
  self._http = wish ~= "websocket" or not self._websocket
  return self
end

-- What to try, the best first.
function Ladder:_rungs()
  if self._only then return { "webtransport" } end
  local fair = self._websocket and (self._strikes < STRIKES or not self._http)
  local rungs = { fair and "websocket" or "http" }
  if self._webtransport and self._platform.now() >= self._fair_from then table.insert(rungs, 1, "webtransport") end
  return rungs
end

function Ladder:_dial(name, asked, ready)
  local platform, timers, address = self._platform, self._timers, self._address
  if name == "webtransport" then return webtransport.dial(platform, timers, address.http, asked, ready) end
  if name == "websocket" then return websocket.dial(platform, timers, address.websocket, ready) end
  return http.dial(platform, timers, address.http .. "poll", ready)
end

-- Calls `ready(link)` once, now or later; without a link when none could be had. Returns the way to give it up. The first
-- rung that is ready wins.
function Ladder:climb(ready)
  local rungs, stops, at, over, timer = self:_rungs(), {}, 0, false, nil
  local function stop()
    over = true
    self._timers:cancel(timer)
    for _, give_up in pairs(stops) do give_up() end
  end
  local function settle(link)
    -- Whoever was far behind would be so the next time, too.
    if stops.webtransport then self:failed("webtransport") end
    stop()
    ready(link)
  end
  local function step()
    self._timers:cancel(timer)
    at = at + 1
    local name, following = rungs[at], rungs[at + 1]
    local function wait(more)
      local ahead = following == "http" and LAST_MS or NEXT_MS
      self._timers:cancel(timer)
      timer = following and self._timers:after(ahead + more, step)
    end
    wait(name == "webtransport" and OFFER_MS or 0)
    stops[name] = self:_dial(name, function()
      -- The head start is for the connection, not for asking where to connect to.
      if rungs[at] == name then wait(0) end
    end, function(link)
      stops[name] = nil
      if over then
        if link then link:close() end
        return
      elseif link then
        return settle(link)
      end
      self:failed(name)
      if rungs[at + 1] then return step() end
      if not next(stops) then return settle(nil) end
      timer = self._timers:after(ALONE_MS, function() settle(nil) end)
    end)
  end
  step()
  return stop
end

-- A link was greeted over it.
function Ladder:worked(transport)
  if transport == "websocket" then self._strikes, self._spoiled = 0, false end
  if transport == "webtransport" then self._falls = 0 end
  self._next_probe = nil
end

-- It connected and then said nothing, or could not connect. Where neither WebSocket nor HTTP gets through, they take turns;
-- WebTransport, which is tried beside them, is left out for a while.
function Ladder:failed(transport)
  if transport == "webtransport" then
    self._falls = self._falls + 1
    if self._falls % STRIKES == 0 then self._fair_from = self._platform.now() + SPOILED_MS end
    return
  end
  if transport == "websocket" and self._probed then self._spoiled = true end
  self._probed = false
  self._strikes = transport == "websocket" and self._strikes + 1 or 0
end

-- On HTTP, now and then: `ready(link)` when WebSocket opens.
function Ladder:probe(now, ready)
  if not self._websocket or not self._http or self._probing then return end
  self._next_probe = self._next_probe or now + (self._spoiled and SPOILED_MS or FIRST_PROBE_MS)
  if now < self._next_probe then return end
  self._next_probe = now + PROBE_MS
  self._probing = true
  self:_dial("websocket", nil, function(link)
    self._probing = false
    self._probed = link ~= nil
    if link then ready(link) end
  end)
end

return ladder
