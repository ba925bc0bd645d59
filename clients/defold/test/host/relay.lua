-- A UDP relay between a page and a server: a network for QUIC, which loses what it is told to lose.

local socket = require "socket"

local Relay = {}
Relay.__index = Relay

-- To `port` of this machine. `loss`, a share of the packets either way, may be changed; 1 is a cut.
local function new(port, random)
  local front = assert(socket.udp())
  assert(front:setsockname("127.0.0.1", 0))
  front:settimeout(0)
  local _, own = front:getsockname()
  return setmetatable({
    front = front, target = port, port = tonumber(own), ways = {}, random = random, loss = 0, lost = 0, passed = 0,
  }, Relay)
end

function Relay:passes()
  local passes = self.loss == 0 or self.random:next() >= self.loss
  if passes then self.passed = self.passed + 1 else self.lost = self.lost + 1 end
  return passes
end

-- The way of one sender: a socket of its own, so that the server tells them apart.
function Relay:way(port)
  local way = self.ways[port]
  if way then return way end
  way = assert(socket.udp())
  assert(way:setpeername("127.0.0.1", self.target))
  way:settimeout(0)
  self.ways[port] = way
  return way
end

function Relay:poll()
  while true do
    local bytes, _, port = self.front:receivefrom()
    if not bytes then break end
    if self:passes() then self:way(port):send(bytes) end
  end
  for port, way in pairs(self.ways) do
    local bytes = way:receive()
    while bytes do
      if self:passes() then self.front:sendto(bytes, "127.0.0.1", port) end
      bytes = way:receive()
    end
  end
end

function Relay:close()
  self.front:close()
  for _, way in pairs(self.ways) do way:close() end
end

return { new = new }
