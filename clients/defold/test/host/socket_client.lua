-- The client's end of a WebSocket on a real connection: handshake, messages, closing. Says what happened, and when; what an
-- engine makes of it is not known here.

local frames = require "host.frames"
local tcp = require "host.tcp"

local Client = {}
Client.__index = Client

-- `target`: { host, port, path }; `options`: { protocol, headers, faults, random }.
local function connect(target, options)
  local client = {
    tcp = tcp.connect(target.host, target.port, options.faults), state = "handshake", bytes = "", parts = {},
    random = options.random, protocol = options.protocol,
  }
  local head = {
    "GET " .. target.path .. " HTTP/1.1", "Host: " .. target.host .. ":" .. target.port, "Upgrade: websocket",
    "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " .. frames.NONCE,
  }
  if options.protocol then head[#head + 1] = "Sec-WebSocket-Protocol: " .. options.protocol end
  if options.headers then head[#head + 1] = (options.headers:gsub("\r\n$", "")) end
  client.tcp:send(table.concat(head, "\r\n") .. "\r\n\r\n")
  return setmetatable(client, Client)
end

local function handshake(self, events)
  local _, stop = self.bytes:find("\r\n\r\n", 1, true)
  if not stop then return false end
  local head = self.bytes:sub(1, stop)
  self.bytes = self.bytes:sub(stop + 1)
  local status = tonumber(head:match("^HTTP/1%.1 (%d+)"))
  local headers = {}
  for key, value in head:gmatch("\r\n([^:\r\n]+):%s*([^\r\n]*)") do headers[key:lower()] = value end
  if status == 101 and headers["sec-websocket-accept"] == frames.ACCEPT then
    self.state = "open"
    events[#events + 1] = { kind = "open" }
    return true
  end
  self.state = "over"
  events[#events + 1] = { kind = "refused", status = status, headers = headers, body = self.bytes }
  self.tcp:close()
  return false
end

local function frame(self, opcode, payload, last, events)
  if opcode == frames.PING then return self:raw(frames.PONG, payload) end
  if opcode == frames.CLOSE then
    local high, low = payload:byte(1, 2)
    events[#events + 1] = { kind = "closed", code = high and high * 256 + low or 1005, reason = payload:sub(3), clean = true }
    if self.state == "open" then self:raw(frames.CLOSE, payload:sub(1, 2)) end
    self.state = "over"
    self.tcp:flush()
    return self.tcp:close()
  end
  if opcode == frames.PONG then return end
  self.parts[#self.parts + 1] = payload
  if not last then return end
  events[#events + 1] = { kind = "message", bytes = table.concat(self.parts) }
  self.parts = {}
end

-- Appends what has happened since the last call to `events`.
function Client:poll(events)
  if self.state == "over" then return end
  self.bytes = self.bytes .. self.tcp:take()
  if self.state == "handshake" and not handshake(self, events) and self.state == "handshake" then
    if self.tcp.closed then
      self.state = "over"
      events[#events + 1] = { kind = "failed", problem = self.tcp.closed }
    end
    return
  end
  if self.state == "over" then return end
  local at = 1
  while self.state ~= "over" do
    local opcode, payload, last, after = frames.decode(self.bytes, at)
    if not opcode then break end
    at = after
    frame(self, opcode, payload, last, events)
  end
  self.bytes = self.bytes:sub(at)
  if self.tcp.closed and not self.tcp.held and self.state ~= "over" then
    self.state = "over"
    events[#events + 1] = { kind = "lost", problem = self.tcp.closed }
  end
end

function Client:raw(opcode, payload)
  local r = function() return math.floor(self.random:between(0, 256)) end
  self.tcp:send(frames.encode(opcode, payload, string.char(r(), r(), r(), r())))
end

function Client:send(payload, text) self:raw(text and frames.TEXT or frames.BINARY, payload) end

-- The closing handshake; `closed` comes when the server has answered it.
function Client:close(code)
  if self.state ~= "open" then return end
  self.state = "closing"
  self:raw(frames.CLOSE, string.char(math.floor(code / 256), code % 256))
end

-- Gone at once, without a word.
function Client:abort()
  self.state = "over"
  self.tcp:abort()
end

return { connect = connect }
