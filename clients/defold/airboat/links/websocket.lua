-- WebSocket: one binary message is one frame.
--
-- What the engine's extension leaves open is settled here, by a flag for each attempt: it may report an end twice, may
-- never report one (HTML5 has no connect timeout), and may open an attempt that was given up.

local websocket = {}

local CONNECT_MS = 5000
-- A socket is dropped only when what was last said has had its time to leave: the engine does not flush.
local LINGER_MS, LINGER_FRAMES = 100, 3

local Link = {}
Link.__index = Link
Link.transport = "websocket"

-- Calls `ready(link)` once, without a link when none could be had. Returns the way to give it up before.
function websocket.dial(platform, timers, url, ready)
  local link = setmetatable({ _timers = timers, _over = false, _open = false }, Link)
  local function failed()
    if link._over or link._open then return end
    link._over = true
    timers:cancel(link._limit)
    link:_drop()
    ready(nil)
  end
  -- The engine calls back in the name of the script that connects, as long as that lives: it must be the one that drives
  -- us, and not the one that happens to want a room.
  link._limit = timers:after(0, function()
    link._limit = timers:after(CONNECT_MS, failed)
    link._socket = platform.websocket("airboat.1", url, {
      opened = function()
        if link._over then return link:_drop() end
        timers:cancel(link._limit)
        link._open = true
        ready(link)
      end,
      message = function(frame)
        if not link._over then link.onframe(frame) end
      end,
      ended = function()
        link._socket = nil
        if not link._open then return failed() end
        if link._over then return end
        link._over = true
        link.onclosed()
      end,
    })
    if not link._socket then failed() end
  end)
  return failed
end

-- What the engine has not sent yet cannot be known, so nothing is left out here.
function Link:send(frame)
  if self._over or not self._socket then return end
  if not self._socket:send(frame) then
    -- It is told in the next update: the caller is in the middle of something.
    local socket = self._socket
    self._timers:after(0, function()
      if self._over or self._socket ~= socket then return end
      self._over = true
      self:_drop()
      self.onclosed()
    end)
  end
end

-- The last thing that can still be said.
function Link:last(frame)
  self:send(frame)
  self._linger = true
end

function Link:close()
  if self._over then return end
  self._over = true
  if not self._linger then return self:_drop() end
  local frames = 0
  local function wait()
    frames = frames + 1
    if frames >= LINGER_FRAMES then return self:_drop() end
    self._timers:after(LINGER_MS / LINGER_FRAMES, wait)
  end
  wait()
end

function Link:_drop()
  local socket = self._socket
  self._socket = nil
  if socket then socket:close() end
end

return websocket
