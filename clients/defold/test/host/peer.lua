-- A server that does what a test tells it, and nothing by itself but handshakes: for what the real one never does.

local frames = require "host.frames"
local socket = require "socket"
local tcp = require "host.tcp"

local Peer = {}
Peer.__index = Peer

-- `kind`: "websocket" answers handshakes; "silent" accepts and says nothing; "http" answers with `peer.answer(head, body)`;
-- "stage" does either, as `peer.route`, `peer.opened` and `peer.heard` say.
local function listen(kind, port)
  local listener = assert(socket.bind("127.0.0.1", port or 0))
  listener:settimeout(0)
  local _, port = listener:getsockname()
  return setmetatable({ kind = kind, listener = listener, port = tonumber(port), links = {}, heads = {}, received = {}, opcodes = {} }, Peer)
end

-- A port where nobody listens.
local function closed_port()
  local listener = assert(socket.bind("127.0.0.1", 0))
  local _, port = listener:getsockname()
  listener:close()
  return tonumber(port)
end

local function shake(self, link)
  local _, stop = link.bytes:find("\r\n\r\n", 1, true)
  if not stop then return end
  local head = link.bytes:sub(1, stop)
  table.insert(self.heads, head)
  link.bytes = link.bytes:sub(stop + 1)
  if self.refuse then
    link.tcp:send("HTTP/1.1 " .. self.refuse .. "\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno")
    return
  end
  local protocol = head:lower():match("sec%-websocket%-protocol: ([^\r\n]+)")
  link.open = true
  link.tcp:send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " .. frames.ACCEPT
    .. (protocol and "\r\nSec-WebSocket-Protocol: " .. protocol or "") .. "\r\n\r\n")
end

local function answer(self, link)
  local _, stop = link.bytes:find("\r\n\r\n", 1, true)
  if not stop then return end
  local head = link.bytes:sub(1, stop)
  local size = tonumber(head:lower():match("content%-length: (%d+)") or 0)
  if #link.bytes < stop + size then return end
  table.insert(self.heads, head)
  local body = link.bytes:sub(stop + 1, stop + size)
  link.bytes = ""
  local reply = self.answer(head, body, link)
  if reply then link.tcp:send(reply) end
end

local function read(self, link)
  local at = 1
  while true do
    local opcode, payload, _, after = frames.decode(link.bytes, at)
    if not opcode then break end
    at = after
    if opcode == frames.CLOSE then
      link.close_frame = true
      link.tcp:send(frames.encode(frames.CLOSE, payload))
    else
      table.insert(self.received, payload)
      table.insert(self.opcodes, opcode)
      if self.heard then self.heard(link, link.path, opcode, payload) end
    end
  end
  link.bytes = link.bytes:sub(at)
end

-- A WebSocket or a request, by its head and path.
local function play(self, link)
  if link.open then return read(self, link) end
  local path = link.bytes:match("^%u+ (%S+) HTTP/1.1\r\n.-\r\n\r\n")
  if not path then return end
  link.path = path
  if not link.bytes:lower():find("\r\nupgrade: websocket", 1, true) then
    return answer({ answer = function(_, body) return self.route(path, body) end, heads = self.heads }, link)
  end
  if path == "/silent" then return end
  if path == "/refuse" then
    link.bytes = ""
    return link.tcp:send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
  end
  shake(self, link)
  self.opened(link, path)
end

function Peer:poll()
  local handle = self.listener and self.listener:accept()
  while handle do
    table.insert(self.links, { tcp = tcp.adopt(handle), bytes = "" })
    handle = self.listener:accept()
  end
  for _, link in ipairs(self.links) do
    link.bytes = link.bytes .. link.tcp:take()
    if self.kind == "http" then answer(self, link)
    elseif self.kind == "stage" then play(self, link)
    elseif self.kind == "websocket" then
      if not link.open and not self.hold then shake(self, link) end
      if link.open then read(self, link) end
    end
  end
end

-- From the newest link, or from a given one.
function Peer:say(payload, text, link)
  link = link or self.links[#self.links]
  link.tcp:send(frames.encode(text and frames.TEXT or frames.BINARY, payload))
end

function Peer:close_link(code, reason, link)
  link = link or self.links[#self.links]
  link.tcp:send(frames.encode(frames.CLOSE, string.char(math.floor(code / 256), code % 256) .. (reason or "")))
end

function Peer:break_link(link) (link or self.links[#self.links]).tcp:abort() end

function Peer:close()
  if self.listener then self.listener:close() end
  self.listener = nil
  for _, link in ipairs(self.links) do link.tcp:abort() end
end

return { listen = listen, closed_port = closed_port }
